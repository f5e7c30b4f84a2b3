"""How many jobs come before one that waits, and when each ends, from the order of turns and the
speeds that were measured."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, cast

from sqlalchemy import func, select

from indexes.catalog.base import NOT_FINAL, Rows
from indexes.catalog.queue.turns import PICTURE_COST, Lane
from indexes.catalog.tables import Chunk, Item, Job, Share, Speed, Worker
from mm.schemas import Kind

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

WORKER_SECONDS = 60.0
"""A worker that gave no sign for so long is not counted."""
MOST_TURNS = 20_000
"""Turns that are looked ahead; of jobs that come later only the position is told."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """Of a job that is not over."""

    position: int | None
    """Jobs that come before it; None once it has begun."""
    seconds_left: float | None
    """None while it is unknown."""


@dataclass(frozen=True, slots=True)
class OpenJob:
    """The work that is left of a job, in seconds of its item; a picture counts as one piece without
    length."""

    id: str
    lane: Lane
    kind: Kind
    begun: bool
    turns: Sequence[float]
    """Length of each chunk that no worker has."""
    held: float | None = None
    """What is left of the chunks that workers have; None where none has one."""


@dataclass(frozen=True, slots=True)
class OpenWork:
    """All open jobs of uploads, each lane in its order, and what else decides when they end."""

    jobs: Sequence[OpenJob]
    begun: Mapping[Lane, float] = field(default_factory=dict)
    used: Mapping[Lane, float] = field(default_factory=dict)
    """Virtual times of the latest turn of each lane; see `indexes.catalog.queue.turns`."""
    speeds: Mapping[Kind, float] = field(default_factory=dict)
    """Seconds of work for one picture or one second of media."""
    workers: int = 1


class ForecastRows(Rows):
    def open_work(self, longest: float) -> OpenWork:
        """What waits and runs of the work on uploads; `longest` is the length of a chunk."""
        alive = self._clock() - WORKER_SECONDS
        with self._database.read() as session:
            shares = session.scalars(select(Share)).all()
            return OpenWork(
                _open_jobs(session, longest),
                {(share.key_id or None, share.lane): share.begun for share in shares},
                {(share.key_id or None, share.lane): share.used for share in shares},
                {speed.kind: speed.seconds for speed in session.scalars(select(Speed))},  # type: ignore[misc]
                session.execute(select(func.count()).where(Worker.beat_at > alive)).scalar_one(),
            )


def forecast(work: OpenWork) -> dict[str, Forecast]:
    """Let the workers take all turns in their order, and see when each job begins and ends."""
    lanes: dict[Lane, deque[OpenJob]] = {}
    free = [0.0] * max(work.workers, 1)
    ends: dict[str, float] = {}
    for job in work.jobs:
        if job.turns:
            lanes.setdefault(job.lane, deque()).append(job)
        if job.held is not None:
            ends[job.id] = _serve(free, _seconds(work, job, job.held))
    used, now = dict(work.used), max(work.begun.values(), default=0.0)
    left = {job.id: deque(job.turns) for job in work.jobs}
    order: dict[str, int] = {job.id: 0 for job in work.jobs if job.begun}
    for _ in range(MOST_TURNS):
        if not lanes:
            break
        lane = min(lanes, key=lambda lane: (max(used.get(lane, 0.0), now), lane[1], lane[0] or ""))
        job = lanes[lane].popleft()
        order.setdefault(job.id, len(order))
        length = left[job.id].popleft()
        now = max(used.get(lane, 0.0), now)
        used[lane] = now + max(length, PICTURE_COST)
        ends[job.id] = _later(ends.get(job.id, 0.0), _serve(free, _seconds(work, job, length)))
        if left[job.id]:
            lanes[lane].append(job)
        elif not lanes[lane]:
            del lanes[lane]
    for job in work.jobs:
        order.setdefault(job.id, len(order))
    late = {job.id for of in lanes.values() for job in of}
    return {
        job.id: Forecast(None if job.begun else order[job.id], _rounded(ends.get(job.id), work, job.id in late))
        for job in work.jobs
    }


def _serve(free: list[float], seconds: float | None) -> float:
    """The worker that is free first takes a turn. Returns when it ends; NaN, and for all that comes
    after, if nobody knows."""
    end = heapq.heappop(free) + (float("nan") if seconds is None else seconds)
    heapq.heappush(free, end)
    return end


def _later(one: float, other: float) -> float:
    """NaN if either is."""
    return one if one != one or one > other else other


def _seconds(work: OpenWork, job: OpenJob, length: float) -> float | None:
    speed = work.speeds.get(job.kind)
    return None if speed is None else speed * (1.0 if job.kind == "image" else length)


def _rounded(end: float | None, work: OpenWork, late: bool) -> float | None:
    return None if end is None or end != end or late or not work.workers else float(round(end))


def _open_jobs(session: Session, longest: float) -> list[OpenJob]:
    mine = (Job.state.in_(NOT_FINAL), Job.move_pk.is_(None))
    spans: dict[int, list[tuple[float, bool]]] = {}
    undone = select(Chunk.job_pk, Chunk.start, Chunk.end, Chunk.owner).join(Job, Job.pk == Chunk.job_pk)
    for pk, start, end, owner in session.execute(undone.where(*mine, Chunk.done.is_(False)).order_by(Chunk.index)).tuples():
        spans.setdefault(pk, []).append((end - start, owner is not None))
    planned = set(session.scalars(select(Chunk.job_pk).join(Job, Job.pk == Chunk.job_pk).where(*mine).distinct()))
    columns = (Job.pk, Job.id, Job.key_id, Job.lane, Job.state, Job.progress, Item.kind, Item.duration)
    rows = select(*columns).join(Item, Item.pk == Job.item_pk).where(*mine).order_by(Job.turn_at, Job.pk)
    jobs = []
    for pk, job_id, key_id, lane, state, progress, kind, duration in session.execute(rows).tuples():
        chunks = spans.get(pk, []) if pk in planned else _planned(duration, longest)
        turns, held = [length for length, held in chunks if not held], [length for length, held in chunks if held]
        left = min(max(duration * (1.0 - progress) - sum(turns), 0.0), sum(held)) if held else None
        jobs.append(OpenJob(job_id, (key_id, lane), cast(Kind, kind), state == "running", turns, left))
    return jobs


def _planned(duration: float, longest: float) -> list[tuple[float, bool]]:
    """Chunks as they will be cut, about."""
    edges = [*(longest * number for number in range(int(duration / longest) + 1)), duration]
    return [(end - start, False) for start, end in pairwise(edges) if end > start] or [(duration, False)]
