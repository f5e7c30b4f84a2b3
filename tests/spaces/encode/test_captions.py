"""The frame of a scene that is captioned."""

from __future__ import annotations

import pytest

from mm.spaces.encode.captions import find_captioned_segment


@pytest.mark.parametrize(
    ("spans", "index"),
    [
        ([(0.0, 0.0)], 0),
        ([(0.0, 4.0), (4.0, 9.0)], 1),
        ([(0.0, 5.0), (5.0, 10.0)], 1),
        ([(10.0, 12.0), (12.0, 13.0), (13.0, 20.0)], 2),
        ([(0.0, 8.0), (8.0, 9.0), (9.0, 10.0)], 0),
    ],
)
def test_find_captioned_segment_returns_that_in_the_middle(spans: list[tuple[float, float]], index: int) -> None:
    assert find_captioned_segment(spans) == index
