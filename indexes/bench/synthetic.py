"""A synthetic library for benchmarks: plausible vectors, real rows and shards, no media.

A vector is a reference vector of the space plus noise in the directions in which the reference
vectors vary, so that text queries have a realistic distribution of scores: many low, few high.
docs/benchmarks.md compares it with real images.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from indexes.catalog.records import NewEvidence, NewItem, NewSegment
from indexes.vectors.kind_index import BLOCK
from mm.media.types import Span
from mm.numerics import normalize_rows

if TYPE_CHECKING:
    from indexes.store import Store
    from mm.spaces import Space
    from mm.spaces.types import SpaceId

SEGMENT_SECONDS = 10.0
ITEM_SEGMENTS = 180
"""30 minutes."""
SHOT_SEGMENTS = 2
SPOKEN = 0.5
"""Fraction of the segments with speech."""
TAGGED = 10
"""One item in so many has the tag `tenth`."""
TAG = "tenth"
LEASE_SECONDS = 600.0
NOISE = 0.65
"""Norm of the noise that is added to a unit vector."""

Rng = np.random.Generator


def fill(store: Store, space: Space, segments: int, seed: int = 0) -> None:
    """Add items with so many segments in all. The same seed gives the same items."""
    rng = np.random.default_rng(seed)
    pictures, sentences = Neighbourhood(space.bank.images), Neighbourhood(space.bank.sentences)
    for number, first in enumerate(range(0, segments, ITEM_SEGMENTS)):
        _publish(
            store, space.id, pictures, sentences, rng, f"synthetic-{seed}-{number}", number, min(ITEM_SEGMENTS, segments - first)
        )


class Neighbourhood:
    """Distribution of the vectors of one kind: around unit rows (N, D), with their covariance."""

    def __init__(self, bank: npt.NDArray[np.float32]) -> None:
        self._bank = bank
        _, lengths, self._directions = np.linalg.svd(bank - bank.mean(0), full_matrices=False)
        self._lengths = (lengths * NOISE / np.linalg.norm(lengths)).astype(np.float32)

    def sample(self, count: int, rng: Rng) -> npt.NDArray[np.float16]:
        """Random unit rows (count, D)."""
        rows = np.empty((count, self._bank.shape[1]), dtype=np.float16)
        for start in range(0, count, BLOCK):
            size = min(BLOCK, count - start)
            noise = rng.standard_normal((size, len(self._lengths)), dtype=np.float32) * self._lengths
            noisy = self._bank[rng.integers(len(self._bank), size=size)] + noise @ self._directions
            rows[start : start + size] = normalize_rows(noisy)
        return rows


def _publish(
    store: Store,
    space: SpaceId,
    pictures: Neighbourhood,
    sentences: Neighbourhood,
    rng: Rng,
    name: str,
    number: int,
    count: int,
) -> None:
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
    vectors = {"picture": pictures.sample(count, rng)}
    if len(spoken):
        vectors["speech"] = sentences.sample(len(spoken), rng)
    shard = store.shards.write(space, vectors, [])
    evidence: list[list[NewEvidence]] = []
    for index in range(count):
        start = index * SEGMENT_SECONDS
        evidence.append([NewEvidence("picture", start, start + SEGMENT_SECONDS, None, shard, index)])
    for row, index in enumerate(spoken.tolist()):
        start = index * SEGMENT_SECONDS
        evidence[index].append(NewEvidence("speech", start, start + SEGMENT_SECONDS, f"sentence {row}", shard, row))
    (chunk,) = store.catalog.plan_job(job.id, space, [Span(0.0, duration)])
    store.catalog.lease_chunk(chunk.pk, name, LEASE_SECONDS)
    store.catalog.finish_chunk(chunk.pk, name, shard)
    store.catalog.commit_item(
        job.id,
        [
            NewSegment(i * SEGMENT_SECONDS, (i + 1) * SEGMENT_SECONDS, i // SHOT_SEGMENTS, pieces)
            for i, pieces in enumerate(evidence)
        ],
    )
