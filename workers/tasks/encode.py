"""Encodes one chunk: leases it, decodes and embeds it, writes the shard and marks it as done."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING

import structlog

from indexes.catalog.base import LibraryReindexed
from mm.errors import NotFound, Unavailable
from mm.media.types import Span
from mm.spaces.encode.chunk import ChunkEncoder
from workers.logs import bind_job
from workers.tasks.finish import finish_job
from workers.tasks.lease import Interrupted, Lease
from workers.tasks.plan import replan_job
from workers.tasks.progress import ChunkProgress
from workers.tasks.retries import ChunkAttempt, quarantine_chunk
from workers.tasks.segment_shards import write_segments
from workers.tasks.timed_reader import TimedReader

if TYPE_CHECKING:
    from indexes.catalog.records import ChunkRow, ItemRow, JobRow
    from workers.context import WorkerContext


def encode_chunk(context: WorkerContext, chunk_pk: int) -> None:
    """Encode a chunk unless it is done, leased by another owner, or its job has ended.

    The result is the same after any number of calls.
    """
    chunk = context.store.catalog.lease_chunk(chunk_pk, context.owner, context.settings.lease_seconds)
    if chunk is not None:
        encode_leased_chunk(context, chunk)


def encode_leased_chunk(context: WorkerContext, chunk: ChunkRow) -> None:
    """Encode a chunk leased by this process, and finish its job after the last chunk."""
    catalog = context.store.catalog
    if chunk.attempts > context.settings.max_attempts:  # earlier attempts ended with the loss of their process
        quarantine_chunk(catalog, chunk, context.settings.max_attempts, chunk.error or "the worker was lost")
        return
    job = catalog.get_job(chunk.job_id)
    if job is None:
        return
    is_done = False
    with bind_job(job), ChunkAttempt(context, chunk):
        try:
            _encode(context, job, chunk)
            is_done = True
        except LibraryReindexed:
            replan_job(context, job)
    if is_done:
        _finish_or_wait(context, job)


def _encode(context: WorkerContext, job: JobRow, chunk: ChunkRow) -> None:
    timed = TimedReader(context.reader)
    started = time.monotonic()
    queue_seconds = max(0.0, time.time() - job.created_at.timestamp())
    item = _encode_with_lease(context, chunk, timed)
    seconds = time.monotonic() - started
    context.record_heartbeat()
    structlog.get_logger().info(
        "chunk encoded", chunk=chunk.index, seconds=round(seconds, 3), decode_seconds=round(timed.seconds, 3)
    )
    length = chunk.end - chunk.start
    work_metrics = {"encode": seconds, "decode": timed.seconds, "media": length}
    if chunk.index == 0 and chunk.attempts == 1 and not job.is_background:
        work_metrics["queue"] = queue_seconds
    with suppress(Unavailable):  # metrics only; the chunk is done
        catalog = context.store.catalog
        catalog.record_work_metrics(work_metrics)
        catalog.record_speed(item.kind, seconds / (length or 1.0))


def _encode_with_lease(context: WorkerContext, chunk: ChunkRow, reader: TimedReader) -> ItemRow:
    catalog, settings = context.store.catalog, context.settings
    space = context.spaces.load(chunk.space)
    item = catalog.get_item_of_job(chunk.job_id)
    if item is None:
        raise Interrupted("item deleted")
    path = context.store.blobs.path(item.sha256)
    with Lease(catalog.extend_lease, [chunk.pk], context.owner, settings.lease_seconds, context.stop) as lease:
        progress = ChunkProgress(catalog, chunk, lease.check, context.record_progress)
        progress(0.0)
        span = Span(chunk.start, chunk.end)
        try:
            file = context.reader.probe_file(path, item.name)
            segments = ChunkEncoder(space, reader, settings, context.ocr_budget).encode(file, span, progress)
        except NotFound as error:
            if catalog.get_item_of_job(chunk.job_id) is None:  # its blob was deleted before it was opened
                raise Interrupted("item deleted") from error
            raise
        shard_id = write_segments(context.store.shards, space.id, segments)
        if not catalog.finish_chunk(chunk.pk, context.owner, shard_id):
            raise Interrupted("lease lost")
    return item


def _finish_or_wait(context: WorkerContext, job: JobRow) -> None:
    """Finish the job after its last chunk, before other work; otherwise update its stage."""
    chunks = context.store.catalog.list_chunks(job.id)
    num_left = sum(not chunk.done for chunk in chunks)
    if not num_left:
        finish_job(context, job.id)
    elif not any(chunk.owner for chunk in chunks):
        context.store.catalog.update_job(job.id, stage=f"waiting for its turn, {len(chunks) - num_left} of {len(chunks)} encoded")
