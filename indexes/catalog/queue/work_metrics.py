"""Work metrics: histograms of the duration of each work step, summed over all workers.

The values are rows of the catalog because worker processes are forked and replaced: a finished step
adds to its rows, and the metrics endpoint reads them. They grow for the lifetime of the library.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Mapping
from itertools import accumulate

from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError

from indexes.catalog.base import CatalogMixin
from indexes.catalog.queue.transitions import OPEN_STATES
from indexes.catalog.records import QueueStatus, WorkHistogram
from indexes.catalog.tables import Chunk, Job, Speed, WorkMetric
from mm.schemas import Kind

BOUNDS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1000.0, math.inf)
"""Upper bounds of the buckets in seconds. Rows store the position, so other bounds need new metric
names."""
SPEED_DECAY = 0.2
"""Weight of the latest value in the exponential moving average of a speed."""


class WorkMetricRows(CatalogMixin):
    def record_work_metrics(self, *steps: Mapping[str, float]) -> None:
        """Add the values of each step, in seconds by the name of the metric."""
        with self._database.write() as session:
            for name, value in sorted(pair for values in steps for pair in values.items()):
                bucket = bisect_left(BOUNDS, value)
                added = (
                    update(WorkMetric)
                    .where(WorkMetric.name == name, WorkMetric.bucket == bucket)
                    .values(count=WorkMetric.count + 1, total=WorkMetric.total + value)
                    .returning(WorkMetric.bucket)
                )
                if session.execute(added).first() is not None:
                    continue
                try:
                    with session.begin_nested():
                        session.add(WorkMetric(name=name, bucket=bucket, count=1, total=value))
                except IntegrityError:  # PostgreSQL: another transaction inserted the row at the same time
                    session.execute(added)

    def record_speed(self, kind: Kind, seconds: float) -> None:
        """Add a measured time, for one image or one second of media, to the average of its kind."""
        average = Speed.seconds * (1 - SPEED_DECAY) + seconds * SPEED_DECAY
        updated = update(Speed).where(Speed.kind == kind).values(seconds=average).returning(Speed.kind)
        with self._database.write() as session:
            if session.execute(updated).first() is not None:
                return
            try:
                with session.begin_nested():
                    session.add(Speed(kind=kind, seconds=seconds))
            except IntegrityError:  # PostgreSQL: another transaction inserted the row at the same time
                session.execute(updated)

    def read_work_metrics(self) -> dict[str, WorkHistogram]:
        """Return the histogram of each metric that has a value, by name."""
        counts: dict[str, list[int]] = {}
        totals: dict[str, float] = {}
        with self._database.read() as session:
            for row in session.scalars(select(WorkMetric).order_by(WorkMetric.name, WorkMetric.bucket)):
                counts.setdefault(row.name, [0] * len(BOUNDS))[row.bucket] = row.count
                totals[row.name] = totals.get(row.name, 0.0) + row.total
        return {
            name: WorkHistogram(list(zip(BOUNDS, accumulate(bucket_counts), strict=True)), totals[name])
            for name, bucket_counts in counts.items()
        }

    def read_queue_status(self) -> QueueStatus:
        """Return how much work on uploads is waiting and running."""
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
