"""Encoded segments to a shard and back: vectors by kind of evidence, and beside them what each of their rows is about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypedDict

import numpy as np

from indexes.rows import NewEvidence, NewSegment
from mm.schemas import EvidenceKind

if TYPE_CHECKING:
    import numpy.typing as npt

    from indexes.shards import ShardStore
    from mm.spaces.encode import EncodedEvidence, EncodedSegment
    from mm.spaces.types import SpaceId


class StoredEvidence(TypedDict):
    kind: EvidenceKind
    start: float
    end: float
    text: str | None
    row: int  # of the shard's matrix of this kind


class StoredSegment(TypedDict):
    start: float
    end: float
    shot: int  # counted within the chunk
    evidence: list[StoredEvidence]


def write_segments(store: ShardStore, space: SpaceId, segments: Sequence[EncodedSegment]) -> str:
    """Write one shard and return its id. The same segments give the same shard."""
    rows: dict[EvidenceKind, list[npt.NDArray[np.float32]]] = {}
    stored: list[StoredSegment] = []
    for segment in segments:
        evidence = [_store(part, rows.setdefault(part.kind, [])) for part in segment.evidence]
        stored.append({"start": segment.start, "end": segment.end, "shot": segment.shot, "evidence": evidence})
    return store.write(space, {kind: np.stack(vectors).astype(np.float16) for kind, vectors in rows.items()}, stored)


def read_segments(store: ShardStore, space: SpaceId, shard_ids: Sequence[str]) -> list[NewSegment]:
    """Segments of consecutive shards, with shots numbered through: two chunks never share one.

    Raises `Corrupt`, `SpaceMismatch`.
    """
    segments: list[NewSegment] = []
    first_shot = 0
    for shard_id in shard_ids:
        stored: list[StoredSegment] = store.read(shard_id, space).segments
        for segment in stored:
            evidence = [NewEvidence(shard_id=shard_id, **part) for part in segment["evidence"]]
            segments.append(NewSegment(segment["start"], segment["end"], first_shot + segment["shot"], evidence))
        first_shot += 1 + max((segment["shot"] for segment in stored), default=-1)
    return segments


def _store(evidence: EncodedEvidence, rows: list[npt.NDArray[np.float32]]) -> StoredEvidence:
    rows.append(evidence.vector)
    return {
        "kind": evidence.kind,
        "start": evidence.start,
        "end": evidence.end,
        "text": evidence.text,
        "row": len(rows) - 1,
    }
