"""Scheduling of work units: the order in which the jobs of all API keys are served.

Open jobs of uploads are grouped into flows. Each API key has one flow for its short items (images,
and video and audio of at most `SHORT_SECONDS`) and one for its long items. The flows share the
workers by start-time fair queueing (Goyal, Vin and Cheng, SIGCOMM 1996): the next unit of a flow
has the start tag `max(finish tag of the flow's latest unit, virtual time)` and the finish tag
`start tag + cost`, and the flow with the smallest start tag is served. The virtual time is the
start tag of the unit that was served last. While two flows have due work, the costs of the service
that they received differ by at most the cost of two units.

Within a flow, the job that was served least recently comes first. Jobs of a reindex are served
only when no upload has due work.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import ColumnElement, Select, and_, exists, func, or_, select
from sqlalchemy.exc import IntegrityError

from indexes.catalog.base import CatalogMixin
from indexes.catalog.items import item_rows
from indexes.catalog.queue.chunks import chunk_row, lease_locked_chunk
from indexes.catalog.queue.job_tasks import claim_tasks, is_task_due
from indexes.catalog.queue.transitions import INGEST, OPEN_STATES, is_runnable, job_row, transition_job
from indexes.catalog.records import LeasedImage, WorkUnit
from indexes.catalog.tables import Chunk, Flow, Item, Job, Task

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sqlalchemy.orm import Session

    from mm.spaces.types import SpaceId

IMAGE_COST = 2.0
"""Cost of an image, and the minimum cost of a unit, in seconds of video that take as long."""
MAX_IMAGES = 8
"""Images in one unit. More save little, and none is searchable before all are encoded."""
MAX_DUE_COUNT = 1000
"""Limit of each count in `count_due_work`."""
FlowKey = tuple[str | None, int]
"""API key id (None without authentication) and size class (0 short, 1 long) of a flow."""


class SchedulingRows(CatalogMixin):
    def claim_work(self, owner: str, seconds: float, chunk_seconds: float) -> WorkUnit | None:
        """Claim the next work unit for `seconds`. None when no work is due.

        `chunk_seconds` is the maximum length of a chunk. Concurrent calls claim different units.
        """
        now = self._clock()
        with self._database.write() as session:
            for job in self._candidates(session, now, seconds):
                if (claimed := _claim(session, job, owner, now, seconds, chunk_seconds)) is None:
                    continue
                unit, cost = claimed
                if job.reindex_pk is None:
                    _charge(session, (job.key_id, job.size_class), cost)
                return unit
        return None

    def count_due_work(self, seconds: float) -> int:
        """Count the chunks, tasks and jobs that can be claimed now, each up to `MAX_DUE_COUNT`.

        `seconds` is the duration of a claim.
        """
        now = self._clock()
        chunks = select(Chunk.pk).join(Job, Job.pk == Chunk.job_pk).where(_is_open(), is_runnable(), _is_chunk_due(now))
        jobs = select(Job.pk).where(_is_open(), is_runnable(), or_(_is_plan_due(now), _is_finish_due(now, seconds)))
        tasks = select(Task.pk).join(Job, Job.pk == Task.job_pk).where(_is_open(), is_task_due(now))
        due = [query.limit(MAX_DUE_COUNT).subquery() for query in (chunks, tasks, jobs)]
        with self._database.read() as session:
            return sum(session.execute(select(func.count()).select_from(rows)).scalar_one() for rows in due)

    def lease_images(self, job_ids: Sequence[str], space: SpaceId, owner: str, seconds: float) -> list[LeasedImage]:
        """Plan image jobs as one chunk each and lease these chunks.

        Jobs that are over, planned already or locked by another transaction are left out.
        """
        now = self._clock()
        leased: list[LeasedImage] = []
        with self._database.write() as session:
            items = select(Item).join(Job, Job.item_pk == Item.pk).where(Job.id.in_(job_ids)).order_by(Item.pk)
            by_pk = {item.pk: item for item in session.scalars(items.with_for_update(skip_locked=True, of=Item))}
            unplanned = select(Job).where(
                Job.id.in_(job_ids), _is_open(), is_runnable(), ~_is_planned(), Job.item_pk.in_(list(by_pk))
            )
            jobs = session.scalars(unplanned.order_by(Job.pk).with_for_update(skip_locked=True)).all()
            for job in jobs:
                transition_job(session, job, self._now(), state="running", stage="encoding 1 of 1")
                chunk = Chunk(
                    job_pk=job.pk, index=0, start=0.0, end=0.0, space=str(space), attempts=1, done=False,
                    owner=owner, leased_until=now + seconds, changed_at=now, due_at=0.0,
                )  # fmt: skip
                session.add(chunk)
                session.flush()
                (item,) = item_rows(session, [by_pk[job.item_pk or 0]])
                leased.append(LeasedImage(job_row(job), item, chunk_row(chunk, job.id)))
        return leased

    def _candidates(self, session: Session, now: float, seconds: float) -> Iterator[Job]:
        """Yield locked jobs with due work: the first of each flow in order, then of the reindex."""
        for flow in _flows_in_order(session):
            if (job := _first_due_job(session, _in_flow(flow), now, seconds)) is not None:
                yield job
        if (job := _first_due_job(session, [Job.reindex_pk.is_not(None), is_runnable()], now, seconds)) is not None:
            yield job


def _is_open() -> ColumnElement[bool]:
    return Job.state.in_(OPEN_STATES)


def _is_planned() -> ColumnElement[bool]:
    return exists().where(Chunk.job_pk == Job.pk)


def _is_chunk_due(now: float) -> ColumnElement[bool]:
    return and_(Chunk.done.is_(False), Chunk.leased_until <= now, Chunk.due_at <= now)


def _is_plan_due(now: float) -> ColumnElement[bool]:
    return and_(Job.kind == INGEST, Job.due_at <= now, ~_is_planned())


def _is_finish_due(now: float, seconds: float) -> ColumnElement[bool]:
    """All chunks are done, and the worker that did the last one had `seconds` to finish the job."""
    undone = exists().where(Chunk.job_pk == Job.pk, Chunk.done.is_(False))
    recent = exists().where(Chunk.job_pk == Job.pk, Chunk.changed_at > now - seconds)
    return and_(Job.due_at <= now, _is_planned(), ~undone, ~recent)


def _in_flow(flow: FlowKey) -> list[ColumnElement[bool]]:
    key_id, size_class = flow
    key = Job.key_id.is_(None) if key_id is None else Job.key_id == key_id
    return [Job.reindex_pk.is_(None), key, Job.size_class == size_class]


def start_tag(flow: FlowKey, finish_tags: Mapping[FlowKey, float], virtual_time: float) -> tuple[float, int, str]:
    """Return the sort key of a flow: the start tag of its next unit; short items first on a tie."""
    key_id, size_class = flow
    return max(finish_tags.get(flow, 0.0), virtual_time), size_class, key_id or ""


def _flows_in_order(session: Session) -> list[FlowKey]:
    """Return the flows with open jobs in scheduling order, and lock the rows of all flows."""
    rows = session.scalars(select(Flow).order_by(Flow.key_id, Flow.size_class).with_for_update()).all()
    finish_tags = {(row.key_id or None, row.size_class): row.finish_tag for row in rows}
    virtual_time = max((row.start_tag for row in rows), default=0.0)
    open_jobs = select(Job.key_id, Job.size_class).where(_is_open(), Job.reindex_pk.is_(None))
    flows = session.execute(open_jobs.distinct()).tuples().all()
    return sorted(flows, key=lambda flow: start_tag(flow, finish_tags, virtual_time))


def _first_due_job(session: Session, conditions: Sequence[ColumnElement[bool]], now: float, seconds: float) -> Job | None:
    """Return the least recently served job with due work, locked; None if there is none."""
    chunk_due = exists().where(Chunk.job_pk == Job.pk, _is_chunk_due(now))
    task_due = exists().where(Task.job_pk == Job.pk, is_task_due(now))
    due = or_(_is_plan_due(now), chunk_due, task_due, _is_finish_due(now, seconds))

    def in_state(state: str) -> Select[tuple[Job]]:  # one query per state, so that an index gives the order
        return select(Job).where(Job.state == state, *conditions, due).order_by(Job.served_at, Job.pk).limit(1)

    jobs = [session.scalar(in_state(state).with_for_update(skip_locked=True, of=Job)) for state in OPEN_STATES]
    return min((job for job in jobs if job is not None), key=lambda job: (job.served_at, job.pk), default=None)


def _claim(
    session: Session, job: Job, owner: str, now: float, seconds: float, chunk_seconds: float
) -> tuple[WorkUnit, float] | None:
    """Claim the due work of a locked job. Returns the unit and its cost in seconds of video.

    None if another worker claimed it first.
    """
    if job.kind != INGEST:
        return _claim_tasks(session, job, owner, now, seconds)
    chunks = select(Chunk).where(Chunk.job_pk == job.pk)
    chunk = session.scalar(chunks.where(_is_chunk_due(now)).order_by(Chunk.index).limit(1).with_for_update())
    if chunk is not None:
        leased = lease_locked_chunk(session, chunk, job.id, owner, now, seconds)
        unit, cost = WorkUnit("encode", [job.id], leased), chunk.end - chunk.start
    elif session.scalar(chunks.where(Chunk.done.is_(False)).limit(1)) is not None:
        return None
    elif session.scalar(chunks.limit(1)) is not None:
        unit, cost = WorkUnit("finish", [job.id]), 0.0
    else:
        unit, cost = _claim_unplanned(session, job, now, seconds, chunk_seconds)
    job.served_at, job.due_at = now, now + seconds
    return unit, max(cost, IMAGE_COST)


def _claim_tasks(session: Session, job: Job, owner: str, now: float, seconds: float) -> tuple[WorkUnit, float] | None:
    """Claim due tasks of a locked job: several that read images, or one other."""
    tasks, cost = claim_tasks(session, job, owner, now, seconds, MAX_IMAGES)
    if not tasks:
        return None
    job.served_at = now
    return WorkUnit("tasks", [job.id], tasks=tasks), max(cost, IMAGE_COST)


def _claim_unplanned(session: Session, job: Job, now: float, seconds: float, chunk_seconds: float) -> tuple[WorkUnit, float]:
    """Claim the planning of a job; for an image, with other image jobs of the same flow."""
    kind, duration = session.execute(select(Item.kind, Item.duration).where(Item.pk == job.item_pk)).tuples().one()
    if kind != "image":
        return WorkUnit("plan", [job.id]), min(duration, chunk_seconds)
    same_flow = [Job.reindex_pk == job.reindex_pk] if job.reindex_pk is not None else _in_flow((job.key_id, job.size_class))
    others = (
        select(Job)
        .join(Item, Item.pk == Job.item_pk)
        .where(Job.state == "queued", *same_flow, Job.pk != job.pk, Item.kind == "image", _is_plan_due(now))
        .order_by(Job.served_at, Job.pk)
        .limit(MAX_IMAGES - 1)
    )
    jobs = [job, *session.scalars(others.with_for_update(skip_locked=True, of=Job))]
    for claimed in jobs:
        claimed.served_at, claimed.due_at = now, now + seconds
    return WorkUnit("images", [claimed.id for claimed in jobs]), IMAGE_COST * len(jobs)


def _charge(session: Session, flow: FlowKey, cost: float) -> None:
    """Advance the tags of a flow by a unit of the given cost. Inserts the row of a new flow."""
    key_id, size_class = flow[0] or "", flow[1]
    virtual_time = session.scalar(select(func.max(Flow.start_tag))) or 0.0
    row = session.get(Flow, (key_id, size_class))
    if row is None:
        try:
            with session.begin_nested():
                row = Flow(key_id=key_id, size_class=size_class, start_tag=virtual_time, finish_tag=virtual_time)
                session.add(row)
        except IntegrityError:  # PostgreSQL: another transaction inserted the flow at the same time
            row = session.get_one(Flow, (key_id, size_class), with_for_update=True)
    row.start_tag = max(row.finish_tag, virtual_time)
    row.finish_tag = row.start_tag + cost
