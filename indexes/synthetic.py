"""A library of made-up items for measuring: plausible vectors, real rows, real shards, no media.

A vector is a mixture of two of the space's own reference vectors with noise, so that questions in words find what they would
find: many things a little, few things well.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from indexes.rows import NewEvidence, NewItem, NewSegment
from mm.media.types import Span

if TYPE_CHECKING:
    from indexes.store import Store
    from mm.spaces import Space

SEGMENT_SECONDS = 10.0
ITEM_SEGMENTS = 180
"""Half an hour."""
SHOT_SEGMENTS = 2
SPOKEN = 0.5
"""Share of the segments in which somebody speaks."""
TAGGED = 10
"""One item in so many has the tag `tenth`."""
TAG = "tenth"
LEASE_SECONDS = 600.0
NOISE = 0.5
"""Length of the noise beside a vector of length one."""

Rng = np.random.Generator


def fill(store: Store, space: Space, segments: int, seed: int = 0) -> None:
    """Add items until the library has so many segments more. The same seed gives the same items."""
    rng = np.random.default_rng(seed)
    for number, first in enumerate(range(0, segments, ITEM_SEGMENTS)):
        _publish(store, space, rng, f"synthetic-{seed}-{number}", number, min(ITEM_SEGMENTS, segments - first))


def mixtures(bank: npt.NDArray[np.float32], count: int, rng: Rng) -> npt.NDArray[np.float32]:
    """Unit rows (count, D) in the neighbourhood of unit rows (N, D)."""
    one, other = bank[rng.integers(len(bank), size=(2, count))]
    share = rng.random((count, 1), dtype=np.float32)
    noise = rng.standard_normal(one.shape, dtype=np.float32) * np.float32(NOISE / np.sqrt(bank.shape[1]))
    mixed = share * one + (1 - share) * other + noise
    unit: npt.NDArray[np.float32] = mixed / np.linalg.norm(mixed, axis=1, keepdims=True)
    return unit


def _publish(store: Store, space: Space, rng: Rng, name: str, number: int, count: int) -> None:
    duration = count * SEGMENT_SECONDS
    new = NewItem(
        sha256=hashlib.sha256(name.encode()).hexdigest(), name=f"{name}.mp4", kind="video", content_type="video/mp4",
        size=1, duration=duration, width=1280, height=720, fps=25.0, has_audio=True,
        tags=(TAG,) if number % TAGGED == 0 else (),
    )  # fmt: skip
    _, job, created = store.catalog.add_item(new)
    if not created:
        return
    spoken = np.flatnonzero(rng.random(count) < SPOKEN)
    vectors = {"picture": mixtures(space.bank.pictures, count, rng).astype(np.float16)}
    if len(spoken):
        vectors["speech"] = mixtures(space.bank.sentences, len(spoken), rng).astype(np.float16)
    shard = store.shards.write(space.id, vectors, [])  # type: ignore[arg-type]
    evidence: list[list[NewEvidence]] = []
    for index in range(count):
        start = index * SEGMENT_SECONDS
        evidence.append([NewEvidence("picture", start, start + SEGMENT_SECONDS, None, shard, index)])
    for row, index in enumerate(spoken.tolist()):
        start = index * SEGMENT_SECONDS
        evidence[index].append(NewEvidence("speech", start, start + SEGMENT_SECONDS, f"sentence {row}", shard, row))
    (chunk,) = store.catalog.plan_job(job.id, space.id, [Span(0.0, duration)])
    store.catalog.lease_chunk(chunk.pk, name, LEASE_SECONDS)
    store.catalog.finish_chunk(chunk.pk, name, shard)
    store.catalog.commit_item(
        job.id,
        [
            NewSegment(i * SEGMENT_SECONDS, (i + 1) * SEGMENT_SECONDS, i // SHOT_SEGMENTS, pieces)
            for i, pieces in enumerate(evidence)
        ],
    )
