"""Searchable items for tests, generated from a seed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from indexes import Store
from indexes.catalog.records import ChunkRow, ItemRow, JobRow, NewEvidence, NewItem, NewSegment
from mm.media.types import Span
from mm.schemas import EvidenceKind
from mm.spaces.types import EvidenceQuery, Query, SpaceId

SPACE = SpaceId("lite", 1)
KINDS: tuple[EvidenceKind, ...] = ("picture", "speech", "sound", "name")
PIECES: dict[EvidenceKind, int] = {"picture": 1, "speech": 3, "sound": 2, "name": 1}
"""Maximum number of pieces of evidence of a segment, by kind."""
DIM = 8
Rng = np.random.Generator


def new_item(seed: int | str, **changes: object) -> NewItem:
    item = NewItem(
        sha256=hashlib.sha256(str(seed).encode()).hexdigest(),
        name=f"{seed}.mp4",
        kind="video",
        content_type="video/mp4",
        size=1000,
        duration=10.0,
        width=64,
        height=48,
        fps=25.0,
        has_audio=True,
    )
    return replace(item, **changes)  # type: ignore[arg-type]


def add(store: Store, seed: int | str, **changes: object) -> tuple[ItemRow, JobRow]:
    item, job, _ = store.catalog.add_item(new_item(seed, **changes))
    return item, job


def add_planned_job(store: Store, seed: int | str, count: int = 1) -> tuple[JobRow, list[ChunkRow]]:
    """Add an item whose job is planned with `count` chunks."""
    _, job = add(store, seed)
    return job, store.catalog.plan_job(job.id, SPACE, [Span(float(i), float(i + 1)) for i in range(count)])


def halves(rng: Rng, count: int) -> npt.NDArray[np.float16]:
    """Vectors whose inner products with `weight` are exact in float32 in any order of summation.

    Ties between scores occur.
    """
    return (rng.integers(-4, 5, (count, DIM)) / 4).astype(np.float16)


def weight(rng: Rng) -> npt.NDArray[np.float32]:
    return (rng.integers(-8, 9, DIM) / 8).astype(np.float32)


def random_query(rng: Rng, kinds: Sequence[EvidenceKind] = KINDS, space: SpaceId = SPACE) -> Query:
    components = tuple(EvidenceQuery(kind, weight(rng), float(rng.integers(-24, 5) / 8), weight(rng)) for kind in kinds)
    return Query(components, space, 0.5)


def publish(
    store: Store,
    seed: int | str,
    rng: Rng,
    *,
    segments: int = 4,
    pieces: Mapping[EvidenceKind, int] | None = None,
    space: SpaceId = SPACE,
    **changes: object,
) -> ItemRow:
    """Add a searchable item of `segments` segments of one second, three in a shot.

    Each segment has up to `pieces` of evidence of each kind.
    """
    item, job = add(store, seed, **changes)
    (chunk,) = store.catalog.plan_job(job.id, space, [Span(0.0, float(segments))])
    assert store.catalog.lease_chunk(chunk.pk, "test", 60.0)
    counts = {kind: rng.integers(0, maximum + 1, segments) for kind, maximum in (pieces or PIECES).items()}
    vectors = {kind: halves(rng, int(count.sum())) for kind, count in counts.items() if count.sum()}
    shard_id = store.shards.write(space, vectors, [])
    assert store.catalog.finish_chunk(chunk.pk, "test", shard_id)
    row = dict.fromkeys(counts, 0)
    new_segments: list[NewSegment] = []
    for index in range(segments):
        evidence: list[NewEvidence] = []
        for kind, count in counts.items():
            for _ in range(count[index]):
                text = None if kind == "picture" else f"{kind} {index}"
                evidence.append(NewEvidence(kind, float(index), index + 0.5, text, shard_id, row[kind]))
                row[kind] += 1
        new_segments.append(NewSegment(float(index), float(index + 1), index // 3, evidence))
    assert store.catalog.commit_item(job.id, new_segments)
    published = store.catalog.get_item(item.id)
    assert published is not None
    return published
