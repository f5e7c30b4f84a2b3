"""Give each segment of a video the scene that it lies in, and cut those in two in which a scene
begins."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from indexes.catalog.records import NewEvidence, NewSegment
from mm.media.types import Span
from mm.numerics import mean_direction
from mm.spaces.encode.evidence import EncodedEvidence, EncodedSegment
from mm.spaces.encode.frames import frame_vectors_in
from mm.spaces.encode.scenes import scene_starts
from workers.tasks.segment_shards import read_frames, write_segments

if TYPE_CHECKING:
    from indexes.storage.shards import ShardStore
    from mm.spaces import Space
    from mm.spaces.encode.evidence import EncodedFrame
    from mm.spaces.types import SpaceId, Vector

MIN_SEGMENT_SECONDS = 1.0
"""Seconds; a scene that begins nearer to the edge of a segment begins at the edge."""


def assign_scenes(shards: ShardStore, space: Space, segments: Sequence[NewSegment], shard_ids: Sequence[str]) -> list[NewSegment]:
    """The segments with their scenes, as they were where nothing tells of any: without a temporal
    network, or without frames.

    Raises `Corrupt`, `SpaceMismatch`.
    """
    tower = space.temporal
    frames = [] if tower is None else read_frames(shards, space.id, shard_ids)
    if tower is None or not frames:
        return list(segments)
    starts = scene_starts(tower, frames)
    return number_scenes(_split_at_scenes(shards, space.id, segments, starts, frames), starts)


def number_scenes(segments: Sequence[NewSegment], starts: Sequence[float]) -> list[NewSegment]:
    """Segments with the start and the end of their scene; a scene begins at the segment that begins
    nearest to it, and so does a shot. Shots are numbered anew."""
    edges = np.array([segment.start for segment in segments])
    first = sorted({0} | {int(np.abs(edges - start).argmin()) for start in starts})
    numbered: list[NewSegment] = []
    shot = -1
    for begin, end in pairwise([*first, len(segments)]):
        scene = (segments[begin].start, segments[end - 1].end)
        for index in range(begin, end):
            shot += index == begin or segments[index].shot != segments[index - 1].shot
            numbered.append(replace(segments[index], shot=shot, scene=scene))
    return numbered


def _split_at_scenes(
    shards: ShardStore, space: SpaceId, segments: Sequence[NewSegment], starts: Sequence[float], frames: Sequence[EncodedFrame]
) -> list[NewSegment]:
    """Segments cut where a scene begins inside; what is seen of each part is the mean of its own
    frames."""
    parts: list[NewSegment] = []
    seen: dict[int, Vector] = {}
    for segment in segments:
        inside = [start for start in starts if segment.start + MIN_SEGMENT_SECONDS <= start <= segment.end - MIN_SEGMENT_SECONDS]
        if not inside:
            parts.append(segment)
            continue
        for number, (start, end) in enumerate(pairwise([segment.start, *inside, segment.end])):
            evidence = [piece for piece in segment.evidence if piece.kind != "picture" and _part_of(piece, inside) == number]
            seen[len(parts)] = mean_direction(frame_vectors_in(frames, Span(start, end)))
            middle = bisect_right(inside, (segment.start + segment.end) / 2) == number
            parts.append(replace(segment, start=start, end=end, evidence=evidence, unread=segment.unread and middle))
    if not seen:
        return parts
    pictures = [EncodedEvidence("picture", parts[at].start, parts[at].end, None, vector) for at, vector in seen.items()]
    stored = [EncodedSegment(picture.start, picture.end, 0, [picture]) for picture in pictures]
    shard_id = write_segments(shards, space, stored)
    for row, (at, picture) in enumerate(zip(seen, pictures, strict=True)):
        piece = NewEvidence("picture", picture.start, picture.end, None, shard_id, row)
        parts[at] = replace(parts[at], evidence=[piece, *parts[at].evidence])
    return parts


def _part_of(piece: NewEvidence, starts: Sequence[float]) -> int:
    """The part in which the middle of a piece of evidence lies."""
    return bisect_right(starts, (piece.start + piece.end) / 2)
