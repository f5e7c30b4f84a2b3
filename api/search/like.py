"""A segment of the library as a component of a query; its vectors are read from the shards."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from mm.errors import NotFound
from mm.numerics import normalize_rows
from mm.spaces.query import SegmentVectors

if TYPE_CHECKING:
    from api.service import Service
    from indexes.catalog.records import NewSegment
    from indexes.search.hits import SearchHit
    from indexes.storage.shards import ShardStore
    from mm.schemas import EvidenceKind, Like
    from mm.spaces import Space
    from mm.spaces.types import Vectors


@dataclass(frozen=True, slots=True)
class LikeSegment:
    """The segment at the position that `like` names."""

    item_id: str
    start: float
    end: float
    vectors: SegmentVectors

    def remove_from(self, hit: SearchHit) -> SearchHit | None:
        """Return the hit without this segment; its best near-duplicate takes its place. None if
        nothing is left."""
        rest = [replace(match, near_duplicates=()) for match in (hit, *hit.near_duplicates) if not self._is_best_of(match)]
        return replace(rest[0], near_duplicates=tuple(rest[1:])) if rest else None

    def _is_best_of(self, hit: SearchHit) -> bool:
        return hit.item_id == self.item_id and (hit.best_start, hit.best_end) == (self.start, self.end)


def find_like_segment(service: Service, space: Space, like: Like) -> LikeSegment:
    """Find the segment. Raises `NotFound` if none has vectors, `MissingData`, `Corrupt`."""
    item = service.library.get_item(like.item)
    segment = service.store.catalog.get_segment_at(item.id, space.id, like.time)
    if segment is None:
        raise NotFound(f"{item.name} has no segments to search with yet; its status is {item.status}.")
    images, lines, sounds = (_read_vectors(service.store.shards, space, segment, k) for k in ("picture", "speech", "sound"))
    if not any(map(len, (images, lines, sounds))):
        raise NotFound(f"{item.name} has no image or audio evidence at {like.time:.1f} s to search with.")
    vectors = SegmentVectors(images[0] if len(images) else None, lines, sounds)
    return LikeSegment(item.id, segment.start, segment.end, vectors)


def _read_vectors(shards: ShardStore, space: Space, segment: NewSegment, kind: EvidenceKind) -> Vectors:
    """Read the vectors of one kind of evidence, shape (N, dim), and normalize them: shards store
    half precision."""
    evidence = [piece for piece in segment.evidence if piece.kind == kind]
    rows = [shards.read(piece.shard_id, space.id).vectors[kind][piece.row].astype(np.float32) for piece in evidence]
    return normalize_rows(np.stack(rows) if rows else np.zeros((0, space.dim), np.float32))
