"""What stands in for the slow parts of a service that is fuzzed: words without a tower, and work
that is done at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from indexes import open_store
from mm.media.types import Span
from mm.spaces.encode.evidence import EncodedEvidence, EncodedSegment
from mm.spaces.types import SpaceId
from workers.tasks.segment_shards import read_segments, write_segments

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mm.settings import Settings
    from mm.spaces.types import Vectors

SPACE = SpaceId("lite", 1)
DIM = 384
SAME = np.full(DIM, DIM**-0.5, np.float32)


def any_words(tower: object, texts: Sequence[str]) -> Vectors:
    """Instead of the text tower: all words mean the same."""
    return np.tile(SAME, (len(texts), 1))


class WorkingDispatcher:
    """Answers each dispatcher itself, as a worker would, so that jobs end. Any item can be found
    by any words."""

    def __init__(self, settings: Settings) -> None:
        self._store = open_store(settings)

    def dispatch(self) -> None:
        catalog = self._store.catalog
        while (turn := catalog.claim_work("fuzz", 60.0, 120.0)) is not None:
            for job_id in turn.job_ids:
                self._work(job_id)

    def _work(self, job_id: str) -> None:
        catalog = self._store.catalog
        for chunk in catalog.plan_job(job_id, SPACE, [Span(0.0, 1.0)]):
            if catalog.lease_chunk(chunk.pk, "fuzz", 60.0) is None:
                continue
            segments = [EncodedSegment(0.0, 1.0, 0, [EncodedEvidence("picture", 0.0, 1.0, None, SAME)])]
            shard_id = write_segments(self._store.shards, SPACE, segments)
            catalog.finish_chunk(chunk.pk, "fuzz", shard_id)
            catalog.commit_item(job_id, read_segments(self._store.shards, SPACE, [shard_id]))

    def ping(self, expires: float) -> None:
        """There is no worker to answer it."""

    def waiting(self) -> int:
        return 0
