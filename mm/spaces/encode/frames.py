"""Pictures and the frames of a video as vectors."""

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
from mm.spaces.encode.evidence import EncodedFrame
from mm.spaces.encode.prefetch import prefetch
from mm.spaces.types import Vector, Vectors
from mm.spaces.vectors import mean_direction

if TYPE_CHECKING:
    from mm.models.types import ImageEmbedder

WINDOW = 32
"""Frames that are in memory at once to be encoded."""
AHEAD = 8
"""Frames that are decoded while others are encoded."""
LITTLE = 8
"""Of so many pixels of a picture, one is compared with another picture's."""
FARTHER, MARGIN = 1.5, 8.0
"""A picture stands out that differs from those around it so many times, and so much of 255, more
than they from each other."""
STRETCH, CLOSE = 4, 0.8
"""Frames from one that surely passes through the tower to the next, and the cosine from which on
those in between need not."""
EVERY = 2.0
"""Instead of `CLOSE`: no two are so close, and every frame passes through the tower."""
_LONGEST_FACTOR = 2.0  # of the tower's side: what is decoded of a wide picture


Edges = tuple[int, int]


def max_decoded_side(info: MediaInfo, size: int) -> int:
    """Longest side at which a picture is decoded, so that its shorter side still fills a tower of
    `size` pixels."""
    short, long = sorted((max(info.width, 1), max(info.height, 1)))
    return math.ceil(size * min(long / short, _LONGEST_FACTOR))


def encode_frames(
    tower: ImageEmbedder, frames: Iterator[Frame], seen: Callable[[float], None], close: float = CLOSE
) -> list[EncodedFrame]:
    """Vectors of all frames; `seen` is told the time of the last one after each window.

    With `EVERY` as `close` every frame passes through the tower.
    """
    encoded: list[EncodedFrame] = []
    before: Thumbnail | None = None
    for window in _windows(prefetch(frames, AHEAD)):
        vectors = _vectors(tower, window, close)
        for frame, vector in zip(window, vectors, strict=True):
            now = make_thumbnail(frame.image)
            moved = np.zeros(NUM_MOTIONS, np.float32) if before is None else measure_motion(before, now)
            encoded.append(EncodedFrame(frame.time, vector, frame.cut, frame.cut_time, moved))
            before = now
        seen(window[-1].time)
    return encoded


def frame_vectors_in(frames: Sequence[EncodedFrame], span: Span) -> Vectors:
    """Vectors (N, D) of the frames that were shown in a segment, at least one.

    A segment without a frame of its own shows what was last seen before it: frames that look the
    same are sampled once.
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


def _vectors(tower: ImageEmbedder, window: Sequence[Frame], close: float) -> list[Vector]:
    """First those of the edges of short stretches; where the two ends of one differ, that of its
    middle, and so on.

    What lies inside a stretch whose ends are close is taken to lie between them, unless the picture
    itself says otherwise.
    """
    coarse = [np.asarray(frame.image[::LITTLE, ::LITTLE], np.int16) for frame in window]
    edges = _edges(window)
    wanted = sorted({edge for stretch in edges for edge in stretch})
    known: dict[int, Vector] = {}
    between: list[Edges] = []
    while wanted:
        known.update(zip(wanted, tower.embed([window[index].image for index in wanted]), strict=True))
        parts: list[Edges] = []
        wanted = []
        for a, b in edges:
            split = _stands_out(coarse[a : b + 1]) if b - a > 1 else None
            if split is None and b - a > 1 and float(known[a] @ known[b]) < close:
                split = (b - a) // 2
            if split is None:
                between.append((a, b))
            else:
                wanted.append(a + split)
                parts += [(a, a + split), (a + split, b)]
        edges = parts
    for a, b in between:
        for index in range(a + 1, b):
            share = (window[index].time - window[a].time) / (window[b].time - window[a].time)
            known[index] = mean_direction(np.stack([(1 - share) * known[a], share * known[b]]))
    return [known[index] for index in range(len(window))]


def _stands_out(coarse: Sequence[npt.NDArray[np.int16]]) -> int | None:
    """The picture, if any, that is farther from both the first and the last than these are from
    each other."""
    first, *inside, last = coarse
    farthest = [min(_distance(first, one), _distance(one, last)) for one in inside]
    if max(farthest) <= FARTHER * _distance(first, last) + MARGIN:
        return None
    return 1 + farthest.index(max(farthest))


def _distance(a: npt.NDArray[np.int16], b: npt.NDArray[np.int16]) -> float:
    return float(np.abs(a - b).mean())


def _edges(window: Sequence[Frame]) -> list[Edges]:
    """Stretches of at most `STRETCH` frames that tile each shot, as the numbers of their first and
    last frame."""
    starts = [0, *(index for index, frame in enumerate(window) if frame.cut and index), len(window)]
    found: list[Edges] = []
    for first, after in pairwise(starts):
        last = after - 1
        count = max(math.ceil((last - first) / STRETCH), 1)
        found += pairwise(first + (last - first) * part // count for part in range(count + 1))
    return found
