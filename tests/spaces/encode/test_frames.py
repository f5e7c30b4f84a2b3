"""Frames that do not pass through the tower lie between two that did, look alike, and are of one
shot."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from mm.media.types import Frame
from mm.spaces.encode.evidence import EncodedFrame
from mm.spaces.encode.frames import INTERPOLATE, NEVER, RUN_LENGTH, WINDOW, encode_frames

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mm.media.types import RGB
    from mm.models.image.tower import ImageTower
    from mm.spaces.types import Vectors


class Tower:
    """Angles as vectors: the value of a picture, of 255, is that of half a turn."""

    def __init__(self) -> None:
        self.seen = 0

    def embed(self, images: Sequence[RGB]) -> Vectors:
        self.seen += len(images)
        angles = np.array([image[0, 0, 0] for image in images]) / 255 * np.pi
        return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def film(values: Sequence[int], cuts: Sequence[int] = ()) -> list[Frame]:
    """One frame each half second, of one value each."""
    return [Frame(index / 2, np.full((2, 2, 3), value, np.uint8), index in cuts, 0.0) for index, value in enumerate(values)]


def encode(frames: list[Frame], close: float = INTERPOLATE) -> tuple[list[EncodedFrame], int]:
    tower = Tower()
    return encode_frames(cast("ImageTower", tower), iter(frames), lambda time: None, close), tower.seen


def apart(a: list[EncodedFrame], b: list[EncodedFrame]) -> float:
    """The least cosine of two encodings of a film."""
    return min(float(x.vector @ y.vector) for x, y in zip(a, b, strict=True))


def test_a_slow_change_passes_through_now_and_then_and_gives_the_same() -> None:
    frames = film(range(100, 180))
    fast, few = encode(frames)
    slow, all_of_them = encode(frames, NEVER)
    assert all_of_them == len(frames)
    assert few <= len(frames) / RUN_LENGTH + 2 * len(frames) / WINDOW + 1
    assert apart(fast, slow) > 0.9999
    assert [frame.time for frame in fast] == [frame.time for frame in frames]


def test_what_changes_between_two_samples_is_looked_at() -> None:
    for values in ([0] * 10 + [200] * 10, [50, 50, 150, 50] * 10, [0, 250] * 20, [20] * 6 + [120] + [20] * 9):
        frames = film(values)
        fast, _ = encode(frames)
        assert apart(fast, encode(frames, NEVER)[0]) > INTERPOLATE, values


def test_nothing_is_taken_to_lie_between_two_shots() -> None:
    frames = film([10] * 5 + [60] * 5 + [10] * 5, cuts=(5, 10))
    fast, _ = encode(frames)
    assert apart(fast, encode(frames, NEVER)[0]) > 0.99999


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 255), st.booleans()), max_size=3 * WINDOW))
def test_every_frame_gets_a_unit_vector_and_keeps_its_time(told: list[tuple[int, bool]]) -> None:
    frames = film([value for value, _ in told], [index for index, (_, cut) in enumerate(told) if cut])
    encoded, seen = encode(frames)
    assert [(frame.time, frame.cut) for frame in encoded] == [(frame.time, frame.cut) for frame in frames]
    assert seen <= len(frames)
    assert all(abs(np.linalg.norm(frame.vector) - 1) < 1e-4 for frame in encoded)
