"""Assigns scenes to the segments of a video, and splits segments at the start of a scene."""

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
"""In seconds; a scene that begins nearer to the edge of a segment begins at the edge."""


def assign_scenes(shards: ShardStore, space: Space, segments: Sequence[NewSegment], shard_ids: Sequence[str]) -> list[NewSegment]:
    """Assign scenes to segments; without a temporal network or frames, return them unchanged.

    Raises `Corrupt`, `SpaceMismatch`.
    """
    tower = space.temporal
    frames = [] if tower is None else read_frames(shards, space.id, shard_ids)
    if tower is None or not frames:
        return list(segments)
    starts = scene_starts(tower, frames)
    return number_scenes(_split_at_scenes(shards, space.id, segments, starts, frames), starts)


def number_scenes(segments: Sequence[NewSegment], starts: Sequence[float]) -> list[NewSegment]:
    """Set the start and end of the scene of each segment, and renumber the shots.

    A scene begins at the segment whose start is nearest, and so does a shot.
    """
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
    """Split segments at the scenes that begin inside them.

    The `picture` vector of each new segment is the mean of its own frames.
    """
    result: list[NewSegment] = []
    vectors: dict[int, Vector] = {}
    for segment in segments:
        starts_inside = [
            start for start in starts if segment.start + MIN_SEGMENT_SECONDS <= start <= segment.end - MIN_SEGMENT_SECONDS
        ]
        if not starts_inside:
            result.append(segment)
            continue
        for number, (start, end) in enumerate(pairwise([segment.start, *starts_inside, segment.end])):
            evidence = [
                piece
                for piece in segment.evidence
                if piece.kind != "picture" and _index_of_middle(piece, starts_inside) == number
            ]
            vectors[len(result)] = mean_direction(frame_vectors_in(frames, Span(start, end)))
            unread = [image for image in segment.unread if bisect_right(starts_inside, image.time) == number]
            unread = [replace(image, start=max(image.start, start), end=min(image.end, end)) for image in unread]
            num_read = segment.num_read if number == 0 else 0
            split = replace(segment, start=start, end=end, evidence=evidence, unread=unread, num_read=num_read)
            result.append(split)
    if not vectors:
        return result
    image_evidence = [
        EncodedEvidence("picture", result[at].start, result[at].end, None, vector) for at, vector in vectors.items()
    ]
    image_segments = [EncodedSegment(image.start, image.end, 0, [image]) for image in image_evidence]
    shard_id = write_segments(shards, space, image_segments)
    for row, (at, image) in enumerate(zip(vectors, image_evidence, strict=True)):
        piece = NewEvidence("picture", image.start, image.end, None, shard_id, row)
        result[at] = replace(result[at], evidence=[piece, *result[at].evidence])
    return result


def _index_of_middle(piece: NewEvidence, starts: Sequence[float]) -> int:
    """Index of the new segment that contains the middle of a piece of evidence."""
    return bisect_right(starts, (piece.start + piece.end) / 2)
