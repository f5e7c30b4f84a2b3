"""Encode one chunk: lease, decode and embed, write the shard, mark it done."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING

import structlog

from indexes.transactions import LibraryMoved
from mm.errors import NotFound, Unavailable
from mm.media.types import Span
from mm.spaces.encode import encode_chunk
from workers.attempt import ChunkAttempt, quarantine_chunk
from workers.lease import Interrupted, Lease
from workers.logs import about
from workers.plan import plan_anew
from workers.progress import ChunkProgress
from workers.ring import left_to_the_sweeper
from workers.shards import write_segments
from workers.timed import TimedReader

if TYPE_CHECKING:
    from indexes.rows import ChunkRow
    from workers.tools import Tools


def encode(tools: Tools, chunk_pk: int) -> None:
    """Do the chunk unless it is done, leased by another, or its job has ended. Any number of calls leave one result."""
    catalog = tools.store.catalog
    chunk = catalog.lease_chunk(chunk_pk, tools.owner, tools.settings.lease_seconds)
    if chunk is None:
        return
    if chunk.attempts > tools.settings.max_attempts:  # those before ended with their process
        quarantine_chunk(catalog, chunk, tools.settings.max_attempts, chunk.error or "the worker was lost")
        return
    job = catalog.get_job(chunk.job_id)
    if job is None:
        return
    with about(job), ChunkAttempt(tools, job, chunk):
        timed = TimedReader(tools.reader)
        started = time.monotonic()
        waited = max(0.0, time.time() - job.created_at.timestamp())
        try:
            _encode_leased(tools, chunk, timed)
        except LibraryMoved:
            plan_anew(tools, job)
            return
        seconds = time.monotonic() - started
        tools.worked()
        structlog.get_logger().info(
            "chunk encoded", chunk=chunk.index, seconds=round(seconds, 3), decode_seconds=round(timed.seconds, 3)
        )
        if all(other.done for other in catalog.chunks(chunk.job_id)):
            with left_to_the_sweeper():
                tools.bell.ring_finish(chunk.job_id, background=job.background)
        tallies = {"encode": seconds, "decode": timed.seconds, "media": chunk.end - chunk.start}
        if chunk.index == 0 and chunk.attempts == 1 and not job.background:
            tallies["queue"] = waited
        with suppress(Unavailable):  # a number, not the work
            catalog.tally(tallies)


def _encode_leased(tools: Tools, chunk: ChunkRow, reader: TimedReader) -> None:
    catalog, settings = tools.store.catalog, tools.settings
    space = tools.spaces.of(chunk.space)
    item = catalog.item_of_job(chunk.job_id)
    if item is None:
        raise Interrupted("item deleted")
    path = tools.store.blobs.path(item.sha256)
    with Lease(catalog, chunk.pk, tools.owner, settings.lease_seconds, tools.stop) as lease:
        progress = ChunkProgress(catalog, chunk, lease.check, tools.worked)
        progress(0.0)
        span = Span(chunk.start, chunk.end)
        try:
            info = tools.reader.probe(path, item.name)
            segments = encode_chunk(space, reader, path, item.name, info, span, settings, progress, tools.reading)
        except NotFound as error:
            if catalog.item_of_job(chunk.job_id) is None:  # its bytes went before they were opened
                raise Interrupted("item deleted") from error
            raise
        shard_id = write_segments(tools.store.shards, space.id, segments)
        if not catalog.finish_chunk(chunk.pk, tools.owner, shard_id):
            raise Interrupted("lease lost")
