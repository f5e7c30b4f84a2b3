"""One turn of a worker: the piece of work that the catalog says is next, up to the end of its item
where that is the last one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workers.tasks.encode import encode_chunk, encode_leased_chunk
from workers.tasks.finish import finish_job
from workers.tasks.images import encode_image_jobs
from workers.tasks.plan import plan_job

if TYPE_CHECKING:
    from workers.context import WorkerContext


def run_work_unit(context: WorkerContext) -> None:
    """Do what is next. Nothing is due where another worker was faster, or where a message came
    twice."""
    settings = context.settings
    turn = context.store.catalog.claim_work(context.owner, settings.lease_seconds, settings.chunk_seconds)
    if turn is None:
        return
    if turn.kind == "images":
        encode_image_jobs(context, turn.job_ids)
    elif turn.chunk is not None:
        encode_leased_chunk(context, turn.chunk)
    elif turn.kind == "finish":
        finish_job(context, turn.job_ids[0])
    else:
        chunks = [chunk for chunk in plan_job(context, turn.job_ids[0]) if not chunk.done]
        if chunks:
            encode_chunk(context, chunks[0].pk)
