"""What the library stores of an item, as media and text for a chat model."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np

from api.scenes import list_texts, shorten
from mm.errors import Conflict, InvalidInput
from mm.generation.chat.types import Scene, SoundMedia
from mm.numerics import mean_direction

if TYPE_CHECKING:
    from collections.abc import Sequence

    from api.service import Service
    from indexes.catalog.records import ItemRow, NewSegment
    from indexes.storage.shards import ShardStore
    from mm.numerics import Float32
    from mm.schemas import EvidenceKind
    from mm.spaces.types import SpaceId

MAX_SEGMENTS = 4000
"""Segments of an item that are read: about eleven hours of video."""
TEXT_CHARS = 4000
"""Length at which the text of an item is cut."""
TITLES: dict[EvidenceKind, str] = {"speech": "Spoken words", "written": "Visible text", "sound": "Sounds"}


def select_segments(service: Service, space: SpaceId, item: ItemRow, start: float | None, end: float | None) -> list[NewSegment]:
    """The segments of an item that overlap [start, end), in order.

    Raises `InvalidInput` for an empty range and `Conflict` when the item is not encoded in the
    space.
    """
    begin = 0.0 if start is None else start
    if end is not None and end <= begin:
        raise InvalidInput(f"The time range {begin:g} s to {end:g} s is empty.")
    after = begin if begin else -1.0  # the segment of an image ends at 0
    segments = service.store.catalog.list_segments(item.id, space, after, MAX_SEGMENTS)
    selected = [segment for segment in segments if end is None or segment.start < end]
    if not selected:
        if service.store.catalog.list_segments(item.id, space, -1.0, 1):
            raise InvalidInput(f"{item.name} has nothing in the time range from {begin:g} s.")
        raise Conflict(f"{item.name} is not encoded in the space {space}; its status is {item.status}.")
    return selected


def list_scenes(shards: ShardStore, space: SpaceId, segments: Sequence[NewSegment]) -> tuple[Scene, ...]:
    """The scenes of a video, each with the mean direction of its images. Raises `Conflict`."""
    scenes = []
    for bounds, of_scene in groupby(segments, lambda segment: segment.scene or (segment.start, segment.end)):
        rows = _read_vectors(shards, space, list(of_scene), "picture")
        if len(rows):
            scenes.append(Scene(bounds[0], bounds[1], mean_direction(rows)))
    if not scenes:
        raise Conflict("The time range has no images.")
    return tuple(scenes)


def read_sound(shards: ShardStore, space: SpaceId, item: ItemRow, segments: Sequence[NewSegment]) -> SoundMedia | None:
    """The sounds of an item other than speech; None when it has none."""
    rows = _read_vectors(shards, space, segments, "sound")
    if not len(rows):
        return None
    return SoundMedia(mean_direction(rows), tuple(list_texts(segments, "sound")), item.name)


def describe_item(item: ItemRow, segments: Sequence[NewSegment]) -> str:
    """Captions, speech, recognized text and names of sounds, up to `TEXT_CHARS` characters."""
    lines = [f"{item.name}:"]
    captions = [(segment.start, segment.caption) for segment in segments if segment.caption]
    lines += [text if item.kind == "image" else f"{start:.0f} s: {text}" for start, text in captions]
    for kind, title in TITLES.items():
        if texts := list_texts(segments, kind):
            lines.append(f"{title}: {' '.join(texts) if kind == 'speech' else ', '.join(texts)}")
    return shorten("\n".join(lines), TEXT_CHARS)


def _read_vectors(shards: ShardStore, space: SpaceId, segments: Sequence[NewSegment], kind: EvidenceKind) -> Float32:
    """The vectors (N, D) of one kind of evidence."""
    pieces = [piece for segment in segments for piece in segment.evidence if piece.kind == kind]
    opened = {shard_id: shards.read(shard_id, space) for shard_id in {piece.shard_id for piece in pieces}}
    rows = [opened[piece.shard_id].vectors[kind][piece.row].astype(np.float32) for piece in pieces]
    return np.stack(rows) if rows else np.zeros((0, 0), np.float32)
