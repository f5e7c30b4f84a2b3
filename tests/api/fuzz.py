"""Replacements for the slow components of a fuzzed service: a text tower and a worker."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from indexes import open_store
from mm.generation.chat.types import ChatDelta, Usage
from mm.media.types import Span
from mm.spaces.encode.evidence import EncodedEvidence, EncodedSegment
from mm.spaces.types import SpaceId
from workers.tasks.segment_shards import read_segments, write_segments

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from mm.generation.chat.types import ChatRequest
    from mm.settings import Settings
    from mm.spaces.types import Vectors

SPACE = SpaceId("lite", 1)
DIM = 384
SAME = np.full(DIM, DIM**-0.5, np.float32)


def make_text_vector(tower: object, texts: Sequence[str]) -> Vectors:
    """Replaces the text tower: all texts have the same vector."""
    return np.tile(SAME, (len(texts), 1))


class EchoChat:
    """Replaces the language model: the answer is the last message."""

    name = "echo"
    media_input = "files"

    async def stream_async(self, request: ChatRequest) -> AsyncGenerator[ChatDelta, None]:
        yield ChatDelta(request.messages[-1].text)
        yield ChatDelta(finish_reason="stop", usage=Usage(1, 1))

    def report_metrics(self) -> bytes:
        return b""

    def close(self) -> None:
        """Nothing to close."""


def select_echo(settings: Settings) -> EchoChat:
    """Replaces the selection of a language model."""
    return EchoChat()


class WorkingDispatcher:
    """Replaces dispatcher and worker: a dispatch completes a job. Any text finds any item."""

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
        """Does nothing: there is no worker."""

    def count_waiting(self) -> int:
        return 0
