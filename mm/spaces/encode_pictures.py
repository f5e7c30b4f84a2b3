"""Pictures and the frames of a video as vectors."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from mm.media.types import Frame, MediaInfo, Span
from mm.spaces.types import Vector, Vectors

if TYPE_CHECKING:
    from mm.models.image import ImageTower

BATCH = 8
"""Frames that are in memory at once."""
_LONGEST_FACTOR = 2.0  # of the tower's side: what is decoded of a wide picture


@dataclass(frozen=True, slots=True, eq=False)
class EncodedFrame:
    """A frame's vector and time, and when its shot began."""

    time: float
    vector: Vector
    cut: bool
    cut_time: float


def decoded_longest(info: MediaInfo, size: int) -> int:
    """Longest side at which a picture is decoded, so that its shorter side still fills a tower of `size` pixels."""
    short, long = sorted((max(info.width, 1), max(info.height, 1)))
    return math.ceil(size * min(long / short, _LONGEST_FACTOR))


def encode_frames(tower: ImageTower, frames: Iterable[Frame], seen: Callable[[float], None]) -> list[EncodedFrame]:
    """Vectors of all frames; `seen` is told the time of the last one after each batch."""
    encoded: list[EncodedFrame] = []
    for batch in _batches(iter(frames)):
        vectors = tower.embed([frame.image for frame in batch])
        encoded += [EncodedFrame(f.time, vector, f.cut, f.cut_time) for f, vector in zip(batch, vectors, strict=True)]
        seen(batch[-1].time)
    return encoded


def vectors_of(frames: Sequence[EncodedFrame], span: Span) -> Vectors:
    """Vectors (N, D) of the frames that were shown in a segment, at least one.

    A segment without a frame of its own shows what was last seen before it: frames that look the same are sampled once.
    """
    inside = [frame.vector for frame in frames if span.start <= frame.time < span.end]
    if inside:
        return np.stack(inside)
    before = [frame for frame in frames if frame.time < span.start]
    return np.stack([(before[-1] if before else frames[0]).vector])


def _batches(frames: Iterator[Frame]) -> Iterator[list[Frame]]:
    while batch := list(islice(frames, BATCH)):
        yield batch
