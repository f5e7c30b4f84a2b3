"""Encode the sampled frames of a video.

Not every frame is run through the image tower. A shot is tiled with short runs of frames; the ends
of a run are encoded, and where their vectors are close, the frames between them get interpolated
vectors. A run whose ends differ, or in which a frame differs from both ends, is split and the
middle encoded, and so on.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from itertools import islice, pairwise
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from mm.media.types import Frame, MediaInfo, Span
from mm.models.temporal.motion import NUM_MOTIONS, Thumbnail, make_thumbnail, measure_motion
from mm.numerics import mean_direction
from mm.spaces.encode.evidence import EncodedFrame
from mm.spaces.encode.prefetch import prefetch
from mm.spaces.encode.text_regions import find_text_regions
from mm.spaces.types import Vector, Vectors

if TYPE_CHECKING:
    from mm.models.types import ImageEmbedder

WINDOW = 32
"""Frames that are in memory at once to be encoded."""
PREFETCH = 8
"""Frames that are decoded while others are encoded."""
SUBSAMPLING = 8
"""Step, in pixels, at which two frames are compared."""
OUTLIER_RATIO, OUTLIER_MARGIN = 1.5, 8.0
"""A frame is an outlier of its run when its distance to both ends exceeds ratio times the distance
of the ends plus margin; distances are mean absolute differences of 8-bit values."""
RUN_LENGTH = 4
"""Most frames from one end of a run to the other, before it is split."""
INTERPOLATE = 0.8
"""Least cosine of the ends of a run whose inner frames are interpolated."""
NEVER = 2.0
"""In place of `INTERPOLATE`, above any cosine: every frame is run through the tower."""
_MAX_ASPECT = 2.0  # a wider image is decoded as if it had this aspect ratio

Run = tuple[int, int]
"""Indices of the first and the last frame."""


def max_decoded_side(info: MediaInfo, size: int) -> int:
    """`longest_decoded_side` of a file."""
    return longest_decoded_side(info.width, info.height, size)


def longest_decoded_side(width: int, height: int, size: int) -> int:
    """Longest side, in pixels, at which the shorter side still fills a tower of `size` pixels."""
    short, long = sorted((max(width, 1), max(height, 1)))
    return math.ceil(size * min(long / short, _MAX_ASPECT))


def encode_frames(
    tower: ImageEmbedder, frames: Iterator[Frame], on_window: Callable[[float], None], min_cosine: float = INTERPOLATE
) -> list[EncodedFrame]:
    """Encode all frames; `on_window` is called with the time of the last frame of each window.

    With `NEVER` as `min_cosine` no frame is interpolated.
    """
    encoded: list[EncodedFrame] = []
    previous: Thumbnail | None = None
    for window in _windows(prefetch(frames, PREFETCH)):
        vectors = _encode_window(tower, window, min_cosine)
        for frame, vector in zip(window, vectors, strict=True):
            thumbnail = make_thumbnail(frame.image)
            motion = np.zeros(NUM_MOTIONS, np.float32) if previous is None else measure_motion(previous, thumbnail)
            regions = find_text_regions(frame.image)
            encoded.append(EncodedFrame(frame.time, vector, frame.cut, frame.cut_time, motion, regions, thumbnail))
            previous = thumbnail
        on_window(window[-1].time)
    return encoded


def frame_vectors_in(frames: Sequence[EncodedFrame], span: Span) -> Vectors:
    """Vectors (N, D), N > 0, of the frames in a span.

    Without a frame of its own the span has the last frame before it: frames that show the same are
    sampled once.
    """
    inside = [frame.vector for frame in frames if span.start <= frame.time < span.end]
    if inside:
        return np.stack(inside)
    before = [frame for frame in frames if frame.time < span.start]
    return np.stack([(before[-1] if before else frames[0]).vector])


def _windows(frames: Generator[Frame, None, None]) -> Iterator[list[Frame]]:
    with closing(frames):
        while window := list(islice(frames, WINDOW)):
            yield window


def _encode_window(tower: ImageEmbedder, window: Sequence[Frame], min_cosine: float) -> list[Vector]:
    """Encode the ends of all runs, then of the halves of those that were split, and interpolate."""
    coarse = [np.asarray(frame.image[::SUBSAMPLING, ::SUBSAMPLING], np.int16) for frame in window]
    runs = _runs(window)
    to_encode = sorted({end for run in runs for end in run})
    vectors: dict[int, Vector] = {}
    final: list[Run] = []
    while to_encode:
        vectors.update(zip(to_encode, tower.embed([window[index].image for index in to_encode]), strict=True))
        halves: list[Run] = []
        to_encode = []
        for first, last in runs:
            split = _outlier(coarse[first : last + 1]) if last - first > 1 else None
            if split is None and last - first > 1 and float(vectors[first] @ vectors[last]) < min_cosine:
                split = (last - first) // 2
            if split is None:
                final.append((first, last))
            else:
                to_encode.append(first + split)
                halves += [(first, first + split), (first + split, last)]
        runs = halves
    for first, last in final:
        for index in range(first + 1, last):
            share = (window[index].time - window[first].time) / (window[last].time - window[first].time)
            vectors[index] = mean_direction(np.stack([(1 - share) * vectors[first], share * vectors[last]]))
    return [vectors[index] for index in range(len(window))]


def _outlier(coarse: Sequence[npt.NDArray[np.int16]]) -> int | None:
    """Index of the frame that is farthest from both ends of the run, if it is an outlier."""
    first, *inner, last = coarse
    distances = [min(_distance(first, frame), _distance(frame, last)) for frame in inner]
    if max(distances) <= OUTLIER_RATIO * _distance(first, last) + OUTLIER_MARGIN:
        return None
    return 1 + distances.index(max(distances))


def _distance(a: npt.NDArray[np.int16], b: npt.NDArray[np.int16]) -> float:
    return float(np.abs(a - b).mean())


def _runs(window: Sequence[Frame]) -> list[Run]:
    """Runs of at most `RUN_LENGTH` frames that tile each shot."""
    starts = [0, *(index for index, frame in enumerate(window) if frame.cut and index), len(window)]
    runs: list[Run] = []
    for first, next_start in pairwise(starts):
        last = next_start - 1
        count = max(math.ceil((last - first) / RUN_LENGTH), 1)
        runs += pairwise(first + (last - first) * number // count for number in range(count + 1))
    return runs
