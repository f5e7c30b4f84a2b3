"""Encodes several images in one work unit; each one is committed or fails independently."""

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
    """Plan, encode and finish the jobs of several images.

    An image whose attempt fails is retried alone, as a chunk.
    """
    catalog, seconds = context.store.catalog, context.settings.lease_seconds
    first = catalog.get_job(job_ids[0])
    if first is None:
        return
    space_id = context.spaces.get_target(first.reindex_pk)
    leased_images = catalog.lease_images(job_ids, space_id, context.owner, seconds)
    if not leased_images:
        return
    started, leased_at = time.monotonic(), time.time()
    with Lease(
        catalog.extend_lease, [leased.chunk.pk for leased in leased_images], context.owner, seconds, context.stop
    ) as lease:
        timed = TimedReader(context.reader)
        space, outcomes = _encode(context, leased_images, timed, lease)
        done = sum(
            _commit_or_release(context, space, leased, outcome, lease)
            for leased, outcome in zip(leased_images, outcomes, strict=True)
        )
    context.record_heartbeat()
    seconds_per_image = (time.monotonic() - started) / len(leased_images)
    with suppress(Unavailable):  # metrics only; the images are done
        catalog.record_work_metrics(
            *(
                {"encode": seconds_per_image, "decode": timed.seconds / len(leased_images), **_queue_metric(leased, leased_at)}
                for leased in leased_images
            )
        )
        catalog.record_speed("image", seconds_per_image)
    structlog.get_logger().info(
        "images encoded", pictures=len(leased_images), done=done, seconds=round(seconds_per_image * len(leased_images), 3)
    )
    if first.is_background:
        continue_reindex(context.store, context.dispatcher)


def _queue_metric(leased: LeasedImage, leased_at: float) -> dict[str, float]:
    """The time from the upload to the lease; none for a job of a reindex."""
    return {} if leased.job.is_background else {"queue": max(0.0, leased_at - leased.job.created_at.timestamp())}


def _encode(
    context: WorkerContext, leased_images: Sequence[LeasedImage], reader: TimedReader, lease: Lease
) -> tuple[Space | None, list[EncodedSegment | Exception]]:
    """Encode a batch. Returns the space, and a segment or an error per image."""

    def progress(fraction: float) -> None:
        lease.check()
        context.record_progress()

    try:
        space = context.spaces.load(leased_images[0].chunk.space)
        with context.ocr_budget.credit():
            return space, [*encode_images(space, reader, [_media_file(context, leased) for leased in leased_images], progress)]
    except Exception as error:  # noqa: BLE001  counts as the error of each image
        return None, [error] * len(leased_images)


def _commit_or_release(
    context: WorkerContext, space: Space | None, leased: LeasedImage, outcome: EncodedSegment | Exception, lease: Lease
) -> bool:
    """Commit an image, or release its chunk with the error. Returns whether it was committed."""
    log = structlog.get_logger()
    with bind_job(leased.job):
        try:
            with ChunkAttempt(context, leased.chunk):
                return _commit_or_replan(context, space, leased, outcome, lease)
        except Exception:  # the other images are still committed
            log.exception("image failed")
    return False


def _commit_or_replan(
    context: WorkerContext, space: Space | None, leased: LeasedImage, outcome: EncodedSegment | Exception, lease: Lease
) -> bool:
    try:
        if isinstance(outcome, Exception):
            raise outcome
        return space is not None and _commit(context, space, leased, outcome, lease)
    except LibraryReindexed:
        replan_job(context, leased.job)
        return False


def _commit(context: WorkerContext, space: Space, leased: LeasedImage, segment: EncodedSegment, lease: Lease) -> bool:
    encoder = ChunkEncoder(space, context.reader, context.settings, context.ocr_budget)
    encoder.recognize_image_text(_media_file(context, leased), segment, lease.check)
    name = encode_file_name(space, leased.item.name)
    segment.evidence.extend([] if name is None else [name])
    shard_id = write_segments(context.store.shards, space.id, [segment])
    segments = read_segments(context.store.shards, space.id, [shard_id])
    leased_chunk = LeasedChunk(leased.chunk.pk, context.owner, shard_id)
    if not context.store.catalog.commit_item(leased.job.id, segments, leased_chunk, leased.item.name):
        raise Interrupted("lease lost or job ended")
    structlog.get_logger().info("job done", item=leased.item.id, segments=len(segments))
    return True


def _media_file(context: WorkerContext, leased: LeasedImage) -> MediaFile:
    """The blob of an image, with the result of the probe at its upload."""
    item = leased.item
    info = MediaInfo("image", "", item.content_type, 0.0, item.width, item.height, 0, 0.0, "", "")
    return MediaFile(context.store.blobs.path(item.sha256), item.name, info)
