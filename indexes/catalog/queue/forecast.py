"""Forecast of the queue: how many jobs are served before a waiting job, and when each job ends.

The forecast simulates `indexes.catalog.queue.scheduling` with the measured encoding speeds.
"""

from __future__ import annotations

import heapq
import math
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, cast

from sqlalchemy import func, select

from indexes.catalog.base import CatalogMixin
from indexes.catalog.queue.scheduling import IMAGE_COST, FlowKey, start_tag
from indexes.catalog.queue.transitions import OPEN_STATES
from indexes.catalog.tables import Chunk, Flow, Item, Job, Speed, Worker
from mm.schemas import Kind

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

WORKER_SECONDS = 60.0
"""A worker without a heartbeat for this time is not counted."""
MAX_SIMULATED_UNITS = 20_000
"""Work units that are simulated. Jobs that end later have a position and no time."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """Forecast of a job that is not over."""

    position: int | None
    """Number of jobs that begin before it; None once it has begun."""
    seconds_left: float | None
    """Seconds until it ends; None while unknown."""


@dataclass(frozen=True, slots=True)
class OpenJob:
    """Remaining work of a job, in seconds of media. An image counts as one chunk of length 0."""

    id: str
    flow: FlowKey
    kind: Kind
    has_begun: bool
    waiting_chunks: Sequence[float]
    """Length of each chunk that is neither done nor leased."""
    leased_seconds: float | None = None
    """Remaining length of its leased chunks; None without any."""


@dataclass(frozen=True, slots=True)
class OpenWork:
    """All open jobs of uploads, each flow in its order, and the state of the scheduler."""

    jobs: Sequence[OpenJob]
    start_tags: Mapping[FlowKey, float] = field(default_factory=dict)
    finish_tags: Mapping[FlowKey, float] = field(default_factory=dict)
    """Tags of the latest unit of each flow; see `indexes.catalog.queue.scheduling`."""
    speeds: Mapping[Kind, float] = field(default_factory=dict)
    """Seconds of work for one image or one second of media."""
    workers: int = 1


class ForecastRows(CatalogMixin):
    def read_open_work(self, chunk_seconds: float) -> OpenWork:
        """Read the open jobs of uploads; `chunk_seconds` is the maximum length of a chunk."""
        alive = self._clock() - WORKER_SECONDS
        with self._database.read() as session:
            flows = session.scalars(select(Flow)).all()
            return OpenWork(
                _open_jobs(session, chunk_seconds),
                {(flow.key_id or None, flow.size_class): flow.start_tag for flow in flows},
                {(flow.key_id or None, flow.size_class): flow.finish_tag for flow in flows},
                {speed.kind: speed.seconds for speed in session.scalars(select(Speed))},  # type: ignore[misc]
                session.execute(select(func.count()).where(Worker.heartbeat_at > alive)).scalar_one(),
            )


def forecast(work: OpenWork) -> dict[str, Forecast]:
    """Simulate the workers until all work is done. Returns the forecast of each job by its id."""
    flows: dict[FlowKey, deque[OpenJob]] = {}
    free_at = [0.0] * max(work.workers, 1)
    end_of: dict[str, float] = {}
    for job in work.jobs:
        if job.waiting_chunks:
            flows.setdefault(job.flow, deque()).append(job)
        if job.leased_seconds is not None:
            end_of[job.id] = _occupy_worker(free_at, _work_seconds(work, job, job.leased_seconds))
    finish_tags, virtual_time = dict(work.finish_tags), max(work.start_tags.values(), default=0.0)
    chunks_left = {job.id: deque(job.waiting_chunks) for job in work.jobs}
    position_of: dict[str, int] = {job.id: 0 for job in work.jobs if job.has_begun}
    for _ in range(MAX_SIMULATED_UNITS):
        if not flows:
            break
        flow = min(flows, key=lambda flow: start_tag(flow, finish_tags, virtual_time))
        job = flows[flow].popleft()
        position_of.setdefault(job.id, len(position_of))
        length = chunks_left[job.id].popleft()
        virtual_time = max(finish_tags.get(flow, 0.0), virtual_time)
        finish_tags[flow] = virtual_time + max(length, IMAGE_COST)
        end = _occupy_worker(free_at, _work_seconds(work, job, length))
        end_of[job.id] = _later(end_of.get(job.id, 0.0), end)
        if chunks_left[job.id]:
            flows[flow].append(job)
        elif not flows[flow]:
            del flows[flow]
    for job in work.jobs:
        position_of.setdefault(job.id, len(position_of))
    unfinished = {job.id for jobs in flows.values() for job in jobs}
    return {
        job.id: Forecast(
            None if job.has_begun else position_of[job.id],
            None if job.id in unfinished or not work.workers else _rounded(end_of.get(job.id)),
        )
        for job in work.jobs
    }


def _occupy_worker(free_at: list[float], seconds: float | None) -> float:
    """Give a unit to the worker that is free first. Returns when the unit ends.

    The end is NaN for an unknown duration, and for all later units of that worker.
    """
    end = heapq.heappop(free_at) + (math.nan if seconds is None else seconds)
    heapq.heappush(free_at, end)
    return end


def _later(first: float, second: float) -> float:
    """Return the maximum; NaN if either is NaN."""
    return first if math.isnan(first) or first > second else second


def _work_seconds(work: OpenWork, job: OpenJob, length: float) -> float | None:
    speed = work.speeds.get(job.kind)
    return None if speed is None else speed * (1.0 if job.kind == "image" else length)


def _rounded(end: float | None) -> float | None:
    return None if end is None or math.isnan(end) else float(round(end))


def _open_jobs(session: Session, chunk_seconds: float) -> list[OpenJob]:
    uploads = (Job.state.in_(OPEN_STATES), Job.reindex_pk.is_(None))
    chunks_of: dict[int, list[tuple[float, bool]]] = {}
    undone = select(Chunk.job_pk, Chunk.start, Chunk.end, Chunk.owner).join(Job, Job.pk == Chunk.job_pk)
    for pk, start, end, owner in session.execute(undone.where(*uploads, Chunk.done.is_(False)).order_by(Chunk.index)).tuples():
        chunks_of.setdefault(pk, []).append((end - start, owner is not None))
    planned = set(session.scalars(select(Chunk.job_pk).join(Job, Job.pk == Chunk.job_pk).where(*uploads).distinct()))
    columns = (Job.pk, Job.id, Job.key_id, Job.size_class, Job.state, Job.progress, Item.kind, Item.duration)
    rows = select(*columns).join(Item, Item.pk == Job.item_pk).where(*uploads).order_by(Job.served_at, Job.pk)
    jobs = []
    for pk, job_id, key_id, size_class, state, progress, kind, duration in session.execute(rows).tuples():
        chunks = chunks_of.get(pk, []) if pk in planned else _expected_chunks(duration, chunk_seconds)
        waiting = [length for length, is_leased in chunks if not is_leased]
        leased = [length for length, is_leased in chunks if is_leased]
        left = min(max(duration * (1.0 - progress) - sum(waiting), 0.0), sum(leased)) if leased else None
        jobs.append(OpenJob(job_id, (key_id, size_class), cast(Kind, kind), state == "running", waiting, left))
    return jobs


def _expected_chunks(duration: float, chunk_seconds: float) -> list[tuple[float, bool]]:
    """Return the approximate chunks of an item that is not planned, none of them leased."""
    edges = [*(chunk_seconds * number for number in range(int(duration / chunk_seconds) + 1)), duration]
    return [(end - start, False) for start, end in pairwise(edges) if end > start] or [(duration, False)]
