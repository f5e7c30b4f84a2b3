"""Joins the shards of an item and makes the item searchable in one commit."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import structlog

from indexes.catalog.base import LibraryReindexed
from indexes.catalog.records import NewEvidence, NewSegment
from indexes.storage.descriptions import EncodedChunk, EncodedItem
from mm.errors import Unavailable
from mm.spaces.encode.evidence import EncodedSegment
from mm.spaces.encode.file_name import encode_file_name
from workers.logs import bind_job
from workers.reindex import continue_reindex
from workers.tasks.plan import replan_job
from workers.tasks.retries import JobAttempt
from workers.tasks.scenes import assign_scenes
from workers.tasks.segment_shards import read_segments, write_segments

if TYPE_CHECKING:
    from collections.abc import Sequence

    from indexes.catalog.records import ChunkRow, JobRow
    from indexes.storage.shards import ShardStore
    from mm.spaces import Space, SpaceId
    from workers.context import WorkerContext

STAGE = "finishing"


def finish_job(context: WorkerContext, job_id: str) -> None:
    """Commit the item of a job if all its chunks are done."""
    catalog = context.store.catalog
    chunks = catalog.list_chunks(job_id)
    shard_ids = [chunk.shard_id for chunk in chunks if chunk.shard_id is not None]
    if not chunks or len(shard_ids) < len(chunks):
        return
    with JobAttempt(context, job_id, STAGE) as job:
        if job is None:
            return
        item = catalog.get_item(job.item_id)
        if item is None:
            return
        with bind_job(job):
            try:
                segments = _commit(context, job, item.name, chunks[0].space, shard_ids)
            except LibraryReindexed:
                replan_job(context, job)
                return
            context.record_heartbeat()
            structlog.get_logger().info("job done", item=item.id, segments=segments)
            _describe(context, item.id, chunks)
    if job is not None and job.is_background:
        continue_reindex(context.store, context.dispatcher)


def _commit(context: WorkerContext, job: JobRow, name: str, space_id: SpaceId, shard_ids: Sequence[str]) -> int:
    """Commit the item and return the number of segments.

    Raises `LibraryReindexed`, `Corrupt`, `SpaceMismatch`.
    """
    shards, space = context.store.shards, context.spaces.load(space_id)
    segments = assign_scenes(shards, space, read_segments(shards, space.id, shard_ids), shard_ids)
    context.store.catalog.commit_item(job.id, add_file_name(shards, space, segments, name), name=name)
    return len(segments)


def _describe(context: WorkerContext, item_id: str, chunks: Sequence[ChunkRow]) -> None:
    """Record the shards in the description of the blob.

    A catalog that is rebuilt without this record encodes the item again.
    """
    encoded_chunks = [EncodedChunk(start=chunk.start, end=chunk.end, shard=chunk.shard_id or "") for chunk in chunks]
    try:
        context.store.write_encoded_description(item_id, EncodedItem(space=str(chunks[0].space), chunks=encoded_chunks))
    except Unavailable as error:
        structlog.get_logger().warning("shards not recorded in the description", item=item_id, detail=str(error))


def add_file_name(shards: ShardStore, space: Space, segments: list[NewSegment], name: str) -> list[NewSegment]:
    """Add the file name as evidence to the first segment.

    With the name in each segment, one item would fill the results of a query for its name.
    """
    evidence = encode_file_name(space, name)
    if evidence is None or not segments:
        return segments
    first = segments[0]
    shard_id = write_segments(shards, space.id, [EncodedSegment(first.start, first.end, first.shot, [evidence])])
    named = NewEvidence("name", first.start, first.end, evidence.text, shard_id, 0)
    return [replace(first, evidence=[*first.evidence, named]), *segments[1:]]
