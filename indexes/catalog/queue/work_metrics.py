"""How long the steps of the work take, added up by all workers, and how much of it waits.

Workers come and go, fork, and are replaced, so none of them keeps numbers that somebody could ask
it for: a step that ends adds to a few rows, and whoever shows metrics reads those. The numbers grow
for as long as the library lives.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Mapping
from itertools import accumulate

from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError

from indexes.catalog.base import OPEN_STATES, CatalogMixin
from indexes.catalog.records import QueueStatus, WorkHistogram
from indexes.catalog.tables import Chunk, Job, Speed, WorkMetric
from mm.schemas import Kind

BOUNDS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1000.0, math.inf)
"""Upper ends of the buckets, in seconds. The rows know them by their place: other bounds need other
names."""


NEWEST = 0.2
"""Weight of the newest value in the mean of a kind's speed."""


class WorkMetricRows(CatalogMixin):
    def record_work_metrics(self, *steps: Mapping[str, float]) -> None:
        """Add one value to each of the tallies named, for each step."""
        with self._database.write() as session:
            for name, value in sorted(pair for values in steps for pair in values.items()):
                bucket = bisect_left(BOUNDS, value)
                row = (WorkMetric.name == name, WorkMetric.bucket == bucket)
                added = (
                    update(WorkMetric)
                    .where(*row)
                    .values(count=WorkMetric.count + 1, total=WorkMetric.total + value)
                    .returning(WorkMetric.bucket)
                )
                if session.execute(added).first() is not None:
                    continue
                try:
                    with session.begin_nested():
                        session.add(WorkMetric(name=name, bucket=bucket, count=1, total=value))
                except IntegrityError:  # two first values at once, on a database that lets two write
                    session.execute(added)

    def record_speed(self, kind: Kind, seconds: float) -> None:
        """Take a measured time of work, for one picture or for one second of a video or sound, into
        the mean of its kind."""
        old = update(Speed).where(Speed.kind == kind).returning(Speed.kind)
        with self._database.write() as session:
            newer = old.values(seconds=Speed.seconds * (1 - NEWEST) + seconds * NEWEST)
            if session.execute(newer).first() is not None:
                return
            try:
                with session.begin_nested():
                    session.add(Speed(kind=kind, seconds=seconds))
            except IntegrityError:  # two first values at once, on a database that lets two write
                session.execute(newer)

    def work_metrics(self) -> dict[str, WorkHistogram]:
        """Every tally that has a value, by name."""
        counts: dict[str, list[int]] = {}
        totals: dict[str, float] = {}
        with self._database.read() as session:
            for row in session.scalars(select(WorkMetric).order_by(WorkMetric.name, WorkMetric.bucket)):
                counts.setdefault(row.name, [0] * len(BOUNDS))[row.bucket] = row.count
                totals[row.name] = totals.get(row.name, 0.0) + row.total
        return {
            name: WorkHistogram(list(zip(BOUNDS, accumulate(of_name), strict=True)), totals[name])
            for name, of_name in counts.items()
        }

    def queue_status(self) -> QueueStatus:
        """What waits just now of the work on uploads."""
        now = self._clock()
        unfinished = (
            select(func.count())
            .select_from(Chunk)
            .join(Job, Job.pk == Chunk.job_pk)
            .where(Job.state.in_(OPEN_STATES), Job.reindex_pk.is_(None), Chunk.done.is_(False))
        )
        with self._database.read() as session:
            running = session.execute(unfinished.where(Chunk.leased_until > now)).scalar_one()
            waiting = session.execute(unfinished.where(Chunk.leased_until <= now)).scalar_one()
            oldest = session.scalar(select(func.min(Job.created_at)).where(Job.state == "queued", Job.reindex_pk.is_(None)))
        age = 0.0 if oldest is None else max(0.0, (self._now() - oldest).total_seconds())
        return QueueStatus(waiting, running, age)
