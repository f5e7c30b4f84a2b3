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

    from indexes.catalog.records import LeasedText, NewEvidence, UnreadSegment
    from indexes.storage.shards import ShardStore
    from mm.media.types import RGB
    from mm.spaces import Space
    from workers.context import WorkerContext

BATCH = 32
"""Images of one item whose text is committed at once."""
MAX_TASK_SECONDS = 60.0
"""Time after which a task starts no other item; the sweeper dispatches the next task."""


def has_waiting_text(context: WorkerContext) -> bool:
    """Whether this process may read, text is left to read, and no job waits. Raises
    `Unavailable`."""
    space = context.spaces.load_current()
    may_read = context.settings.read_text != "off" and space.can_recognize_text
    return may_read and context.store.catalog.has_due_text(space.id, context.settings.max_attempts)


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
    """Recognize and commit the text of up to `BATCH` images of an item; ends early for a job."""
    catalog = context.store.catalog
    segments: list[tuple[int, EncodedSegment]] = []
    failure: Exception | None = None
    try:
        for segment in unread.segments[:BATCH]:
            if _must_stop(context) or not catalog.extend_text_lease(unread, context.owner, _lease_seconds(context)):
                break
            segments.append((segment.index, _read_segment(context, space, unread, segment)))
            context.record_heartbeat()
    except Exception as error:  # noqa: BLE001 - earlier text is committed, and the attempt counts
        failure = error
    evidence = write_text_shard(context.store.shards, space, segments)
    detail = None if failure is None else describe_error(failure, context.settings.root)
    is_added = catalog.add_text(unread, context.owner, evidence, detail)
    num_pieces = sum(map(len, evidence.values()))
    structlog.get_logger().info("text recognized", pictures=len(segments), pieces=num_pieces, kept=is_added)
    if failure is not None:
        structlog.get_logger().warning("text not recognized", detail=detail)
        if not isinstance(failure, MMError):
            raise failure


def _read_segment(context: WorkerContext, space: Space, unread: LeasedText, segment: UnreadSegment) -> EncodedSegment:
    """The segment with the text of its image as evidence; none if the image cannot be decoded."""
    try:
        evidence = recognize_text(space, _read_image(context, unread, segment), segment.start, segment.end)
    except MMError as error:
        if isinstance(error, NotFound) or not is_permanent(error):
            raise
        structlog.get_logger().warning("no text recognized: the image cannot be decoded", detail=str(error))
        evidence = []
    return EncodedSegment(segment.start, segment.end, 0, evidence)


def _read_image(context: WorkerContext, unread: LeasedText, segment: UnreadSegment) -> RGB:
    path = context.store.blobs.path(unread.sha256)
    if unread.is_image:
        return context.reader.image(path, unread.name, longest=MAX_SIDE)
    return context.reader.frame_at(path, unread.name, (segment.start + segment.end) / 2, longest=MAX_SIDE)


def write_text_shard(
    shards: ShardStore, space: Space, segments: Sequence[tuple[int, EncodedSegment]]
) -> Mapping[int, Sequence[NewEvidence]]:
    """Write one shard of the segments with text.

    Returns the evidence of all segments by their index in the item.
    """
    with_text = [(index, segment) for index, segment in segments if segment.evidence]
    evidence: dict[int, Sequence[NewEvidence]] = {index: [] for index, _ in segments}
    if with_text:
        shard_id = write_segments(shards, space.id, [segment for _, segment in with_text])
        stored = read_segments(shards, space.id, [shard_id])
        evidence |= {index: segment.evidence for (index, _), segment in zip(with_text, stored, strict=True)}
    return evidence


def _must_stop(context: WorkerContext) -> bool:
    return context.stop.is_set() or context.store.catalog.has_runnable_jobs()


def _lease_seconds(context: WorkerContext) -> float:
    """Lease time that is enough to decode one image and recognize its text."""
    return context.settings.lease_seconds + context.settings.sandbox_seconds
