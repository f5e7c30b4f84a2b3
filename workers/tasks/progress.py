"""Progress of a job: the encoded fraction of the seconds of its item."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from workers.tasks.lease import Interrupted

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from indexes.catalog.catalog import Catalog
    from indexes.catalog.records import ChunkRow

REPORT_SECONDS = 1.0
"""Minimum interval of reports; each is a row that is sent to clients."""
MAX_ENCODED_FRACTION = 0.98
"""Progress when all chunks are encoded and the item is not committed yet."""


def compute_done_fraction(chunks: Sequence[ChunkRow], running: ChunkRow | None = None, fraction: float = 0.0) -> float:
    """Compute the encoded fraction of a job, in [0, MAX_ENCODED_FRACTION].

    `fraction` is that of the chunk `running`, which is not done yet.
    """
    lengths = {chunk.pk: chunk.end - chunk.start for chunk in chunks}
    total = sum(lengths.values())
    if total <= 0:  # an image
        lengths, total = dict.fromkeys(lengths, 1.0), float(len(chunks))
    done = sum(lengths[chunk.pk] for chunk in chunks if chunk.done)
    if running is not None:
        done += lengths[running.pk] * fraction
    return MAX_ENCODED_FRACTION * min(1.0, done / total)


class ChunkProgress:
    """Callback with the encoded fraction of a chunk: checks for an interrupt, reports progress."""

    def __init__(self, catalog: Catalog, chunk: ChunkRow, check: Callable[[], None], record_progress: Callable[[], None]) -> None:
        self._catalog = catalog
        self._chunk = chunk
        self._check = check
        self._record_progress = record_progress
        self._max_fraction = float("-inf")
        self._reported_at = float("-inf")

    def __call__(self, fraction: float) -> None:
        """Report the fraction. Raises `Interrupted` when the work must end."""
        self._check()
        if fraction > self._max_fraction:
            self._max_fraction = fraction
            self._record_progress()
        now = time.monotonic()
        if now - self._reported_at < REPORT_SECONDS:
            return
        self._reported_at = now
        chunks = self._catalog.list_chunks(self._chunk.job_id)
        if all(chunk.pk != self._chunk.pk for chunk in chunks):
            raise Interrupted("the item was deleted")
        self._catalog.update_job(
            self._chunk.job_id,
            state="running",
            # Another worker may have reported more; the catalog never decreases progress.
            progress=compute_done_fraction(chunks, self._chunk, fraction),
            stage=f"encoding {self._chunk.index + 1} of {len(chunks)}",
        )
