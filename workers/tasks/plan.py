"""Cuts an item into chunks that are encoded independently, and dispatches them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from mm.media import MediaReader
from mm.media.segmenting import cut_chunks
from mm.media.types import MediaFile, Span
from workers.logs import bind_job
from workers.messaging.dispatch import tolerate_broker_failure
from workers.place_names import PlaceNaming
from workers.tasks.retries import JobAttempt

if TYPE_CHECKING:
    from indexes.catalog.records import ChunkRow, JobRow
    from workers.context import WorkerContext

STAGE = "looking at the file"


def plan_job(context: WorkerContext, job_id: str) -> list[ChunkRow]:
    """Write the chunks of a job once and return them.

    The same work unit encodes the first chunk; the others are dispatched.
    """
    catalog = context.store.catalog
    if chunks := catalog.list_chunks(job_id):
        return chunks
    with JobAttempt(context, job_id, STAGE) as job:
        if job is None:
            return []
        item = catalog.get_item(job.item_id)
        if item is None:
            return []
        with bind_job(job):
            PlaceNaming(context.store).step()  # before it is searchable: a saved search may have a place
            file = context.reader.probe_file(context.store.blobs.path(item.sha256), item.name)
            spans = cut_item(context.reader, file, context.settings.chunk_seconds)
            chunks = catalog.plan_job(job_id, context.spaces.get_target(job.reindex_pk), spans)
            context.record_heartbeat()
            with tolerate_broker_failure():
                context.dispatcher.dispatch(len(chunks) - 1)
            structlog.get_logger().info("job planned", item=item.id, chunks=len(chunks))
    return chunks


def replan_job(context: WorkerContext, job: JobRow) -> None:
    """Discard the chunks of a job that was planned before a reindex, and plan it again."""
    structlog.get_logger().info("job replanned: the library was reindexed")
    context.store.catalog.replan_job(job.id)
    with tolerate_broker_failure():
        context.dispatcher.dispatch()


def cut_item(reader: MediaReader, file: MediaFile, max_seconds: float) -> list[Span]:
    """Spans of at most `max_seconds` that tile the item; an image is one span of length 0."""
    if file.info.kind == "image":
        return [Span(0.0, 0.0)]
    keyframes = reader.keyframes(file.path, file.name) if file.info.has_video else []
    return cut_chunks(file.info.duration, keyframes, max_seconds)
