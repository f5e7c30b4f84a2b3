"""Encode several pictures in one turn; each becomes searchable, or fails, by itself."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING

import structlog

from indexes.catalog.base import LibraryReindexed
from indexes.catalog.records import LeasedChunk
from mm.errors import Unavailable
from mm.media.types import MediaFile, MediaInfo
from mm.spaces.encode.chunk import ChunkEncoder
from mm.spaces.encode.file_name import encode_file_name
from mm.spaces.encode.images import encode_images
from workers.logs import bind_job
from workers.reindex import continue_reindex
from workers.tasks.lease import Interrupted, Lease
from workers.tasks.plan import replan_job
from workers.tasks.retries import ChunkAttempt
from workers.tasks.segment_shards import read_segments, write_segments
from workers.tasks.timed_reader import TimedReader

if TYPE_CHECKING:
    from collections.abc import Sequence

    from indexes.catalog.records import LeasedImage
    from mm.spaces import Space
    from mm.spaces.encode.evidence import EncodedSegment
    from workers.context import WorkerContext


def encode_image_jobs(context: WorkerContext, job_ids: Sequence[str]) -> None:
    """Plan, encode and finish jobs on pictures. A picture whose attempt fails is tried again alone,
    by its chunk."""
    catalog, seconds = context.store.catalog, context.settings.lease_seconds
    first = catalog.get_job(job_ids[0])
    if first is None:
        return
    space_id = context.spaces.get_target(first.reindex_pk)
    begun = catalog.lease_images(job_ids, space_id, context.owner, seconds)
    if not begun:
        return
    started, begun_at = time.monotonic(), time.time()
    with Lease(catalog, [one.chunk.pk for one in begun], context.owner, seconds, context.stop) as lease:
        timed = TimedReader(context.reader)
        space, outcomes = _encode(context, begun, timed, lease)
        done = sum(_end(context, space, one, outcome, lease) for one, outcome in zip(begun, outcomes, strict=True))
    context.record_heartbeat()
    took = (time.monotonic() - started) / len(begun)
    with suppress(Unavailable):  # numbers, not the work
        catalog.record_work_metrics(
            *({"encode": took, "decode": timed.seconds / len(begun), **_waited(one, begun_at)} for one in begun)
        )
        catalog.record_speed("image", took)
    structlog.get_logger().info("pictures encoded", pictures=len(begun), done=done, seconds=round(took * len(begun), 3))
    if first.is_background:
        continue_reindex(context.store, context.dispatcher)


def _waited(one: LeasedImage, begun_at: float) -> dict[str, float]:
    """The time from its upload to this work on it; that of a move is not counted."""
    return {} if one.job.is_background else {"queue": max(0.0, begun_at - one.job.created_at.timestamp())}


def _encode(
    context: WorkerContext, begun: Sequence[LeasedImage], reader: TimedReader, lease: Lease
) -> tuple[Space | None, list[EncodedSegment | Exception]]:
    """What became of each picture; an error that ends the batch is that of all of them."""

    def progress(fraction: float) -> None:
        lease.check()
        context.record_progress()

    try:
        space = context.spaces.load(begun[0].chunk.space)
        with context.ocr_budget.credit():
            return space, [*encode_images(space, reader, [_file(context, one) for one in begun], progress)]
    except Exception as error:  # noqa: BLE001  treated as that of each picture
        return None, [error] * len(begun)


def _end(
    context: WorkerContext, space: Space | None, one: LeasedImage, outcome: EncodedSegment | Exception, lease: Lease
) -> bool:
    """Commit a picture, or treat its error as that of its chunk. Returns whether it can be
    searched."""
    log = structlog.get_logger()
    with bind_job(one.job):
        try:
            with ChunkAttempt(context, one.chunk):
                return _commit_unless_moved(context, space, one, outcome, lease)
        except Exception:  # the others go on
            log.exception("picture failed")
    return False


def _commit_unless_moved(
    context: WorkerContext, space: Space | None, one: LeasedImage, outcome: EncodedSegment | Exception, lease: Lease
) -> bool:
    try:
        if isinstance(outcome, Exception):
            raise outcome
        return space is not None and _commit(context, space, one, outcome, lease)
    except LibraryReindexed:
        replan_job(context, one.job)
        return False


def _commit(context: WorkerContext, space: Space, one: LeasedImage, segment: EncodedSegment, lease: Lease) -> bool:
    encoder = ChunkEncoder(space, context.reader, context.settings, context.ocr_budget)
    encoder.recognize_image_text(_file(context, one), segment, lease.check)
    name = encode_file_name(space, one.item.name)
    segment.evidence.extend([] if name is None else [name])
    shard_id = write_segments(context.store.shards, space.id, [segment])
    segments = read_segments(context.store.shards, space.id, [shard_id])
    held = LeasedChunk(one.chunk.pk, context.owner, shard_id)
    if not context.store.catalog.commit_item(one.job.id, segments, held):
        raise Interrupted("lease lost, or job over")
    structlog.get_logger().info("job done", item=one.item.id, segments=len(segments))
    return True


def _file(context: WorkerContext, one: LeasedImage) -> MediaFile:
    """The blob, with what the probe at the upload reported."""
    item = one.item
    info = MediaInfo("image", "", item.content_type, 0.0, item.width, item.height, 0, 0.0, "", "")
    return MediaFile(context.store.blobs.path(item.sha256), item.name, info)
