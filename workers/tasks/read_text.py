"""Read the text that encoding had no time for: behind all other work, and add it to items that can
be searched already."""

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
"""Pictures of one item that are read before what they say is committed."""
LONGEST_TASK = 60.0
"""Seconds after which a task begins with no other item: the sweeper sends for more."""


def text_waits(tools: WorkerContext) -> bool:
    """Whether this process may read, text is left to read, and no job waits. Raises
    `Unavailable`."""
    space = tools.spaces.current()
    may_read = tools.settings.read_text != "off" and space.can_recognize_text
    return may_read and tools.store.catalog.has_due_text(space.id, tools.settings.max_attempts)


def read_left_out(tools: WorkerContext) -> None:
    """Read item after item, until a job waits, the worker stops, or nothing is left. Any number may
    run at once."""
    catalog, settings, space = tools.store.catalog, tools.settings, tools.spaces.current()
    tools.worked()
    if settings.read_text == "off" or not space.can_recognize_text:
        return
    end = time.monotonic() + LONGEST_TASK
    while time.monotonic() < end and not _must_wait(tools):
        unread = catalog.lease_text(space.id, tools.owner, _lease_seconds(tools), settings.max_attempts)
        if unread is None:
            return
        with structlog.contextvars.bound_contextvars(item=unread.item_id):
            _read_item(tools, space, unread)


def _read_item(tools: WorkerContext, space: Space, unread: LeasedText) -> None:
    """Read a batch of the pictures of an item, or as many as other work leaves time for, and commit
    what was found."""
    catalog = tools.store.catalog
    read: list[tuple[int, EncodedSegment]] = []
    failure: Exception | None = None
    try:
        for segment in unread.segments[:BATCH]:
            if _must_wait(tools) or not catalog.extend_text_lease(unread, tools.owner, _lease_seconds(tools)):
                break
            read.append((segment.index, _read_segment(tools, space, unread, segment)))
            tools.worked()
    except Exception as error:  # noqa: BLE001 - what was read before it is kept, and the attempt is counted
        failure = error
    found = store_text(tools.store.shards, space, read)
    detail = None if failure is None else describe_error(failure, tools.settings.root)
    kept = catalog.add_text(unread, tools.owner, found, detail)
    pieces = sum(map(len, found.values()))
    structlog.get_logger().info("text read", pictures=len(read), pieces=pieces, kept=kept)
    if failure is not None:
        structlog.get_logger().warning("text not read", detail=detail)
        if not isinstance(failure, MMError):
            raise failure


def _read_segment(tools: WorkerContext, space: Space, unread: LeasedText, segment: UnreadSegment) -> EncodedSegment:
    """The segment with the text of its picture; without any where the picture cannot be decoded at
    all."""
    try:
        evidence = recognize_text(space, _picture(tools, unread, segment), segment.start, segment.end)
    except MMError as error:
        if isinstance(error, NotFound) or not is_permanent(error):
            raise
        structlog.get_logger().warning("no text is read in a picture that cannot be decoded", detail=str(error))
        evidence = []
    return EncodedSegment(segment.start, segment.end, 0, evidence)


def _picture(tools: WorkerContext, unread: LeasedText, segment: UnreadSegment) -> RGB:
    path = tools.store.blobs.path(unread.sha256)
    if unread.is_image:
        return tools.reader.image(path, unread.name, longest=MAX_SIDE)
    return tools.reader.frame_at(path, unread.name, (segment.start + segment.end) / 2, longest=MAX_SIDE)


def store_text(
    shards: ShardStore, space: Space, read: Sequence[tuple[int, EncodedSegment]]
) -> Mapping[int, Sequence[NewEvidence]]:
    """Write one shard of the segments that have text. Returns the evidence of all segments, by
    their index in the item."""
    with_text = [(index, segment) for index, segment in read if segment.evidence]
    found: dict[int, Sequence[NewEvidence]] = {index: [] for index, _ in read}
    if with_text:
        shard_id = write_segments(shards, space.id, [segment for _, segment in with_text])
        stored = read_segments(shards, space.id, [shard_id])
        found |= {index: segment.evidence for (index, _), segment in zip(with_text, stored, strict=True)}
    return found


def _must_wait(tools: WorkerContext) -> bool:
    return tools.stop.is_raised() or tools.store.catalog.has_runnable_jobs()


def _lease_seconds(tools: WorkerContext) -> float:
    """One picture is decoded and read in it."""
    return tools.settings.lease_seconds + tools.settings.sandbox_seconds
