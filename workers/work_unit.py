"""One work unit: the next one of the scheduling order of the catalog."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workers.jobs.run import run_tasks
from workers.tasks.encode import encode_chunk, encode_leased_chunk
from workers.tasks.finish import finish_job
from workers.tasks.images import encode_image_jobs
from workers.tasks.plan import plan_job

if TYPE_CHECKING:
    from workers.context import WorkerContext


def run_work_unit(context: WorkerContext) -> None:
    """Claim and run the next work unit. None is due after a repeated message."""
    settings = context.settings
    unit = context.store.catalog.claim_work(context.owner, settings.lease_seconds, settings.chunk_seconds)
    if unit is None:
        return
    if unit.kind == "images":
        encode_image_jobs(context, unit.job_ids)
    elif unit.kind == "tasks":
        run_tasks(context, unit.job_ids[0], unit.tasks)
    elif unit.chunk is not None:
        encode_leased_chunk(context, unit.chunk)
    elif unit.kind == "finish":
        finish_job(context, unit.job_ids[0])
    else:
        chunks = [chunk for chunk in plan_job(context, unit.job_ids[0]) if not chunk.done]
        if chunks:
            encode_chunk(context, chunks[0].pk)
