"""Deferred text recognition: adds text to searchable items when no job waits."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import structlog

from mm.errors import MMError, NotFound
from mm.spaces.encode.evidence import EncodedSegment
from mm.spaces.encode.ocr import MAX_SIDE, recognize_text
from workers.tasks.retries import describe_error, is_permanent
from workers.tasks.segment_shards import read_segments, write_segments

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from indexes.catalog.records import LeasedText, NewEvidence, UnreadImage
    from indexes.storage.shards import ShardStore
    from mm.media.types import RGB
    from mm.spaces import Space
    from workers.context import WorkerContext

BATCH = 32
"""Images of one item whose text is committed at once."""
MAX_TASK_SECONDS = 60.0
"""Time after which a task starts no other item; the sweeper dispatches the next task."""


def has_waiting_text(context: WorkerContext) -> bool:
    """Whether text recognition is enabled, deferred text is due, and no job waits.

    Raises `Unavailable`.
    """
    space = context.spaces.load_current()
    may_read = context.settings.read_text != "off" and space.can_recognize_text
    return may_read and context.store.catalog.has_due_text(space.id)


def read_unread_text(context: WorkerContext) -> None:
    """Recognize the deferred text of items until a job waits or the worker stops.

    Ends after `MAX_TASK_SECONDS`, or when no item is left. Any number of processes may run it.
    """
    catalog, settings, space = context.store.catalog, context.settings, context.spaces.load_current()
    context.record_heartbeat()
    if settings.read_text == "off" or not space.can_recognize_text:
        return
    end = time.monotonic() + MAX_TASK_SECONDS
    while time.monotonic() < end and not _must_stop(context):
        unread = catalog.lease_text(space.id, context.owner, _lease_seconds(context), settings.max_attempts)
        if unread is None:
            return
        with structlog.contextvars.bound_contextvars(item=unread.item_id):
            _read_item(context, space, unread)


def _read_item(context: WorkerContext, space: Space, unread: LeasedText) -> None:
    """Recognize and commit the text of up to `BATCH` images of an item; ends early for a job.

    After a failed attempt only the first image is processed, so that no other one counts as failed.
    """
    catalog = context.store.catalog
    read: list[tuple[UnreadImage, EncodedSegment]] = []
    failed: dict[UnreadImage, str] = {}
    failure: Exception | None = None
    try:
        for image in unread.images[: 1 if unread.is_retry else BATCH]:
            if _must_stop(context) or not catalog.extend_text_lease(unread, context.owner, _lease_seconds(context)):
                break
            try:
                read.append((image, _read_segment(context, space, unread, image)))
            except MMError as error:
                if isinstance(error, NotFound) or not is_permanent(error):
                    raise
                failed[image] = describe_error(error, context.settings.root)
                structlog.get_logger().warning("text not recognized: the image cannot be decoded", detail=failed[image])
            context.record_heartbeat()
    except Exception as error:  # noqa: BLE001 - earlier text is committed, and the attempt counts
        failure = error
    evidence = write_text_shard(context.store.shards, space, read)
    detail = None if failure is None else describe_error(failure, context.settings.root)
    is_added = catalog.add_text(unread, context.owner, evidence, detail, failed)
    num_pieces = sum(map(len, evidence.values()))
    structlog.get_logger().info("text recognized", pictures=len(read), failed=len(failed), pieces=num_pieces, kept=is_added)
    if failure is not None:
        structlog.get_logger().warning("text not recognized", detail=detail)
        if not isinstance(failure, MMError):
            raise failure


def _read_segment(context: WorkerContext, space: Space, unread: LeasedText, image: UnreadImage) -> EncodedSegment:
    """A segment with the text of an image as evidence."""
    evidence = recognize_text(space, _read_image(context, unread, image), image.start, image.end)
    return EncodedSegment(image.start, image.end, 0, evidence)


def _read_image(context: WorkerContext, unread: LeasedText, image: UnreadImage) -> RGB:
    path = context.store.blobs.path(unread.sha256)
    if unread.is_image:
        return context.reader.image(path, unread.name, longest=MAX_SIDE)
    return context.reader.frame_at(path, unread.name, image.time, longest=MAX_SIDE)


def write_text_shard(
    shards: ShardStore, space: Space, read: Sequence[tuple[UnreadImage, EncodedSegment]]
) -> Mapping[UnreadImage, Sequence[NewEvidence]]:
    """Write one shard of the segments with text. Returns the evidence of each image."""
    with_text = [(image, segment) for image, segment in read if segment.evidence]
    evidence: dict[UnreadImage, Sequence[NewEvidence]] = {image: [] for image, _ in read}
    if with_text:
        shard_id = write_segments(shards, space.id, [segment for _, segment in with_text])
        stored = read_segments(shards, space.id, [shard_id])
        evidence |= {image: segment.evidence for (image, _), segment in zip(with_text, stored, strict=True)}
    return evidence


def _must_stop(context: WorkerContext) -> bool:
    return context.stop.is_set() or context.store.catalog.has_runnable_jobs()


def _lease_seconds(context: WorkerContext) -> float:
    """Lease time that is enough to decode one image and recognize its text."""
    return context.settings.lease_seconds + context.settings.sandbox_seconds
