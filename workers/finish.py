"""Put the shards of an item together and make it searchable in one commit."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import structlog

from indexes.rows import NewEvidence, NewSegment
from mm.spaces.encode import EncodedSegment, encode_item_name
from workers.attempt import JobAttempt
from workers.logs import about
from workers.scenes import with_scenes
from workers.shards import read_segments, write_segments

if TYPE_CHECKING:
    from workers.tools import Tools

STAGE = "finishing"


def finish(tools: Tools, job_id: str) -> None:
    """Commit the item of a job whose chunks are all done; otherwise leave it to the next bell."""
    catalog = tools.store.catalog
    chunks = catalog.chunks(job_id)
    shard_ids = [chunk.shard_id for chunk in chunks if chunk.shard_id is not None]
    if not chunks or len(shard_ids) < len(chunks):
        return
    with JobAttempt(tools, job_id, STAGE) as job:
        if job is None:
            return
        item = catalog.get_item(job.item_id)
        if item is None:
            return
        with about(job):
            segments = with_scenes(tools, read_segments(tools.store.shards, tools.space.id, shard_ids), shard_ids)
            catalog.commit_item(job_id, with_name(tools, segments, item.name))
            tools.worked()
            structlog.get_logger().info("job done", item=item.id, segments=len(segments))


def with_name(tools: Tools, segments: list[NewSegment], name: str) -> list[NewSegment]:
    """The segments, the first with the name as evidence: a name must not fill an answer with all moments of its item."""
    evidence = encode_item_name(tools.space, name)
    if evidence is None or not segments:
        return segments
    first = segments[0]
    shard_id = write_segments(
        tools.store.shards, tools.space.id, [EncodedSegment(first.start, first.end, first.shot, [evidence])]
    )
    named = NewEvidence("name", first.start, first.end, evidence.text, shard_id, 0)
    return [replace(first, evidence=[*first.evidence, named]), *segments[1:]]
