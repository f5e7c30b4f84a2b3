"""Interpolated frames: between encoded frames of one shot that are similar."""

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
    """Vectors (cos a, sin a) for the angle a = value / 255 * pi of an image of one value."""

    def __init__(self) -> None:
        self.num_embedded = 0

    def embed(self, images: Sequence[RGB]) -> Vectors:
        self.num_embedded += len(images)
        angles = np.array([image[0, 0, 0] for image in images]) / 255 * np.pi
        return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def video_frames(values: Sequence[int], cuts: Sequence[int] = ()) -> list[Frame]:
    """One frame every half second, each of one value."""
    return [Frame(index / 2, np.full((2, 2, 3), value, np.uint8), index in cuts, 0.0) for index, value in enumerate(values)]


def encode(frames: list[Frame], min_cosine: float = INTERPOLATE) -> tuple[list[EncodedFrame], int]:
    tower = Tower()
    return encode_frames(cast("ImageTower", tower), iter(frames), lambda time: None, min_cosine), tower.num_embedded


def min_cosine_of(a: list[EncodedFrame], b: list[EncodedFrame]) -> float:
    """The minimum cosine between two encodings of the same frames."""
    return min(float(x.vector @ y.vector) for x, y in zip(a, b, strict=True))


def test_encode_frames_interpolates_a_slow_change_accurately() -> None:
    frames = video_frames(range(100, 180))
    fast, num_fast = encode(frames)
    slow, num_all = encode(frames, NEVER)
    assert num_all == len(frames)
    assert num_fast <= len(frames) / RUN_LENGTH + 2 * len(frames) / WINDOW + 1
    assert min_cosine_of(fast, slow) > 0.9999
    assert [frame.time for frame in fast] == [frame.time for frame in frames]


def test_encode_frames_encodes_outliers_and_changes() -> None:
    for values in ([0] * 10 + [200] * 10, [50, 50, 150, 50] * 10, [0, 250] * 20, [20] * 6 + [120] + [20] * 9):
        frames = video_frames(values)
        fast, _ = encode(frames)
        assert min_cosine_of(fast, encode(frames, NEVER)[0]) > INTERPOLATE, values


def test_encode_frames_does_not_interpolate_across_a_cut() -> None:
    frames = video_frames([10] * 5 + [60] * 5 + [10] * 5, cuts=(5, 10))
    fast, _ = encode(frames)
    assert min_cosine_of(fast, encode(frames, NEVER)[0]) > 0.99999


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 255), st.booleans()), max_size=3 * WINDOW))
def test_encode_frames_returns_a_unit_vector_for_every_frame(samples: list[tuple[int, bool]]) -> None:
    frames = video_frames([value for value, _ in samples], [index for index, (_, cut) in enumerate(samples) if cut])
    encoded, num_embedded = encode(frames)
    assert [(frame.time, frame.cut) for frame in encoded] == [(frame.time, frame.cut) for frame in frames]
    assert num_embedded <= len(frames)
    assert all(abs(np.linalg.norm(frame.vector) - 1) < 1e-4 for frame in encoded)
