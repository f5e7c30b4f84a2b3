"""Whose turn it is: the order in which jobs, keys and kinds of work are served.

Open jobs of uploads wait in lanes: one for the short items of each key (pictures, films and sounds
of up to `SHORT_SECONDS`), one for its long ones. Lanes share the workers by start-time fair
queueing (Goyal, Vin and Cheng, 1996): a turn of a lane begins at the virtual time `max(used, now)`
and ends `cost` later, and the lane whose turn would begin first is served; `now` is the virtual
time at which the latest turn began. While two lanes wait, the costs of what they got differ by at
most two turns. Inside a lane the job that has waited longest since its last turn, or since it came,
is served. Jobs of a move come last.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import ColumnElement, Select, and_, exists, func, or_, select
from sqlalchemy.exc import IntegrityError

from indexes.catalog.base import NOT_FINAL, Rows, goes_on, job_row, move_job
from indexes.catalog.items import item_rows
from indexes.catalog.queue.chunks import chunk_row, lease
from indexes.catalog.records import BegunPicture, Turn
from indexes.catalog.tables import Chunk, Item, Job, Share

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy.orm import Session

    from mm.spaces.types import SpaceId

PICTURE_COST = 2.0
"""Seconds of film that take about as long to encode as a picture; also the least cost of a turn."""
PICTURES = 8
"""Most pictures of one turn: more gain little, and none of them can be searched before all are
encoded."""
MOST_DUE = 1000
"""Pieces of work that are counted at most."""
Lane = tuple[str | None, int]
"""Key and lane."""


class TurnRows(Rows):
    def take_turn(self, owner: str, seconds: float, longest: float) -> Turn | None:
        """The next piece of work, claimed for `seconds`; None when nothing is due. `longest` is
        that of a chunk.

        Any number of workers may ask at once; no two get the same.
        """
        now = self._clock()
        with self._database.write() as session:
            for job in self._candidates(session, now, seconds):
                if (begun := _begin(session, job, owner, now, seconds, longest)) is None:
                    continue
                turn, cost = begun
                if job.move_pk is None:
                    _charge(session, (job.key_id, job.lane), cost)
                return turn
        return None

    def due(self, seconds: float) -> int:
        """How many pieces of work could be taken now, up to `MOST_DUE`; `seconds` is the time of a
        claim."""
        now = self._clock()
        chunks = select(Chunk.pk).join(Job, Job.pk == Chunk.job_pk).where(_open(), goes_on(), _chunk_is_due(now)).limit(MOST_DUE)
        jobs = select(Job.pk).where(_open(), goes_on(), or_(_to_plan(now), _to_finish(now, seconds))).limit(MOST_DUE)
        with self._database.read() as session:
            return sum(session.execute(select(func.count()).select_from(some.subquery())).scalar_one() for some in (chunks, jobs))

    def begin_pictures(self, job_ids: Sequence[str], space: SpaceId, owner: str, seconds: float) -> list[BegunPicture]:
        """Plan jobs on pictures as one chunk each and lease those; jobs that are over, planned or
        not to be had are left out."""
        now = self._clock()
        begun: list[BegunPicture] = []
        with self._database.write() as session:
            items = select(Item).join(Job, Job.item_pk == Item.pk).where(Job.id.in_(job_ids)).order_by(Item.pk)
            by_pk = {item.pk: item for item in session.scalars(items.with_for_update(skip_locked=True, of=Item))}
            wanted = select(Job).where(Job.id.in_(job_ids), _open(), goes_on(), ~_planned(), Job.item_pk.in_(list(by_pk)))
            jobs = session.scalars(wanted.order_by(Job.pk).with_for_update(skip_locked=True)).all()
            for job in jobs:
                move_job(session, job, self._now(), state="running", stage="encoding 1 of 1")
                chunk = Chunk(
                    job_pk=job.pk, index=0, start=0.0, end=0.0, space=str(space), attempts=1, done=False,
                    owner=owner, leased_until=now + seconds, moved_at=now, due_at=0.0,
                )  # fmt: skip
                session.add(chunk)
                session.flush()
                (item,) = item_rows(session, [by_pk[job.item_pk or 0]])
                begun.append(BegunPicture(job_row(job), item, chunk_row(chunk, job.id)))
        return begun

    def _candidates(self, session: Session, now: float, seconds: float) -> Iterator[Job]:
        """The job whose turn it is, locked, then those that come instead if it cannot be had."""
        for lane in _lanes_in_order(session):
            if (job := _first(session, _in_lane(lane), now, seconds)) is not None:
                yield job
        if (job := _first(session, [Job.move_pk.is_not(None), goes_on()], now, seconds)) is not None:
            yield job


def _open() -> ColumnElement[bool]:
    return Job.state.in_(NOT_FINAL)


def _planned() -> ColumnElement[bool]:
    return exists().where(Chunk.job_pk == Job.pk)


def _chunk_is_due(now: float) -> ColumnElement[bool]:
    return and_(Chunk.done.is_(False), Chunk.leased_until <= now, Chunk.due_at <= now)


def _to_plan(now: float) -> ColumnElement[bool]:
    return and_(Job.due_at <= now, ~_planned())


def _to_finish(now: float, seconds: float) -> ColumnElement[bool]:
    """Whoever did the last chunk finishes the job at once; here it had `seconds` for that."""
    undone = exists().where(Chunk.job_pk == Job.pk, Chunk.done.is_(False))
    recent = exists().where(Chunk.job_pk == Job.pk, Chunk.moved_at > now - seconds)
    return and_(Job.due_at <= now, _planned(), ~undone, ~recent)


def _in_lane(lane: Lane) -> list[ColumnElement[bool]]:
    key_id, number = lane
    key = Job.key_id.is_(None) if key_id is None else Job.key_id == key_id
    return [Job.move_pk.is_(None), key, Job.lane == number]


def _lanes_in_order(session: Session) -> list[Lane]:
    """The lanes that have open jobs, the one whose turn is next first; two workers that ask at once
    wait for each other."""
    shares = session.scalars(select(Share).order_by(Share.key_id, Share.lane).with_for_update()).all()
    used = {(share.key_id, share.lane): share.used for share in shares}
    now = max((share.begun for share in shares), default=0.0)
    lanes = session.execute(select(Job.key_id, Job.lane).where(_open(), Job.move_pk.is_(None)).distinct()).tuples().all()
    return sorted(lanes, key=lambda lane: (max(used.get((lane[0] or "", lane[1]), 0.0), now), lane[1], lane[0] or ""))


def _first(session: Session, conditions: Sequence[ColumnElement[bool]], now: float, seconds: float) -> Job | None:
    """The job that has waited longest of those with work that is due, locked; None if none has."""
    chunk_due = exists().where(Chunk.job_pk == Job.pk, _chunk_is_due(now))
    due = or_(_to_plan(now), chunk_due, _to_finish(now, seconds))

    def of(state: str) -> Select[tuple[Job]]:  # each by itself, so that an index gives the order
        return select(Job).where(Job.state == state, *conditions, due).order_by(Job.turn_at, Job.pk).limit(1)

    found = [session.scalar(of(state).with_for_update(skip_locked=True, of=Job)) for state in NOT_FINAL]
    return min((job for job in found if job is not None), key=lambda job: (job.turn_at, job.pk), default=None)


def _begin(session: Session, job: Job, owner: str, now: float, seconds: float, longest: float) -> tuple[Turn, float] | None:
    """Claim what is due of a locked job. Returns it and its cost in seconds of film; None if
    another worker was faster."""
    chunks = select(Chunk).where(Chunk.job_pk == job.pk)
    chunk = session.scalar(chunks.where(_chunk_is_due(now)).order_by(Chunk.index).limit(1).with_for_update())
    if chunk is not None:
        turn, cost = Turn("encode", [job.id], lease(session, chunk, job.id, owner, now, seconds)), chunk.end - chunk.start
    elif session.scalar(chunks.where(Chunk.done.is_(False)).limit(1)) is not None:
        return None
    elif session.scalar(chunks.limit(1)) is not None:
        turn, cost = Turn("finish", [job.id]), 0.0
    else:
        turn, cost = _begin_unplanned(session, job, now, seconds, longest)
    job.turn_at, job.due_at = now, now + seconds
    return turn, max(cost, PICTURE_COST)


def _begin_unplanned(session: Session, job: Job, now: float, seconds: float, longest: float) -> tuple[Turn, float]:
    kind, duration = session.execute(select(Item.kind, Item.duration).where(Item.pk == job.item_pk)).tuples().one()
    if kind != "image":
        return Turn("plan", [job.id]), min(duration, longest)
    lane = [Job.move_pk == job.move_pk] if job.move_pk is not None else _in_lane((job.key_id, job.lane))
    others = (
        select(Job)
        .join(Item, Item.pk == Job.item_pk)
        .where(Job.state == "queued", *lane, Job.pk != job.pk, Item.kind == "image", _to_plan(now))
        .order_by(Job.turn_at, Job.pk)
        .limit(PICTURES - 1)
    )
    jobs = [job, *session.scalars(others.with_for_update(skip_locked=True, of=Job))]
    for one in jobs:
        one.turn_at, one.due_at = now, now + seconds
    return Turn("pictures", [one.id for one in jobs]), PICTURE_COST * len(jobs)


def _charge(session: Session, lane: Lane, cost: float) -> None:
    """Note that a lane got a turn. Its locked row, or a new one, is written."""
    key_id, number = lane[0] or "", lane[1]
    now = session.scalar(select(func.max(Share.begun))) or 0.0
    share = session.get(Share, (key_id, number))
    if share is None:
        try:
            with session.begin_nested():
                share = Share(key_id=key_id, lane=number, begun=now, used=now)
                session.add(share)
        except IntegrityError:  # two first turns at once, on a database that lets two write
            share = session.get_one(Share, (key_id, number), with_for_update=True)
    share.begun = max(share.used, now)
    share.used = share.begun + cost
