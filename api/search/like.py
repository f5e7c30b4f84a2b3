"""A moment of the library as a part of a question: its vectors are taken from the shard, and
nothing is decoded."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from mm.errors import NotFound
from mm.numerics import normalize_rows
from mm.spaces.query import SegmentVectors

if TYPE_CHECKING:
    from collections.abc import Sequence

    from api.service import Service
    from indexes.catalog.records import NewEvidence
    from indexes.search.hits import SearchHit
    from indexes.storage.shards import ShardStore
    from mm.schemas import Like
    from mm.spaces import Space
    from mm.spaces.types import Vectors


@dataclass(frozen=True, slots=True)
class Asked:
    """The segment that is asked with."""

    item_id: str
    start: float
    end: float
    stored: SegmentVectors

    def taken_out_of(self, hit: SearchHit) -> SearchHit | None:
        """The hit without this segment: what was folded with it takes its place. None when nothing
        is left."""
        left = [replace(one, near_duplicates=()) for one in (hit, *hit.near_duplicates) if not self._is(one)]
        return replace(left[0], near_duplicates=tuple(left[1:])) if left else None

    def _is(self, hit: SearchHit) -> bool:
        return hit.item_id == self.item_id and (hit.best_start, hit.best_end) == (self.start, self.end)


def find_like_segment(service: Service, space: Space, like: Like) -> Asked:
    """Raises `NotFound` when there is no such item, or nothing of it can be asked with;
    `MissingData`, `Corrupt`."""
    item = service.library.item(like.item)
    segment = service.store.catalog.segment_at(item.id, space.id, like.time)
    if segment is None:
        raise NotFound(f"{item.name} cannot be asked with yet: it has no moments, because it is {item.status}.")
    seen = _vectors(service.store.shards, space, [piece for piece in segment.evidence if piece.kind == "picture"])
    said = _vectors(service.store.shards, space, [piece for piece in segment.evidence if piece.kind == "speech"])
    heard = _vectors(service.store.shards, space, [piece for piece in segment.evidence if piece.kind == "sound"])
    if not any(map(len, (seen, said, heard))):
        raise NotFound(f"Nothing is seen or heard in {item.name} at {like.time:.1f} s, so that it cannot be asked with.")
    return Asked(item.id, segment.start, segment.end, SegmentVectors(seen[0] if len(seen) else None, said, heard))


def _vectors(shards: ShardStore, space: Space, pieces: Sequence[NewEvidence]) -> Vectors:
    """Unit rows (N, dim); shards hold half precision."""
    rows = [shards.read(piece.shard_id, space.id).vectors[piece.kind][piece.row].astype(np.float32) for piece in pieces]
    found = np.stack(rows) if rows else np.zeros((0, space.dim), np.float32)
    return normalize_rows(found)
