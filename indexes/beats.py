"""Signs of life of workers."""

from __future__ import annotations

from sqlalchemy import delete, func, select, update

from indexes.tables import Worker
from indexes.transactions import Rows

FORGOTTEN_SECONDS = 24 * 3600.0
"""A worker that was silent for so long is not coming back under its name."""


class BeatRows(Rows):
    def beat(self, owner: str, time: float) -> None:
        """Note that a worker did something at `time`, in seconds of `time.time()`."""
        with self._database.write() as session:
            known = session.execute(
                update(Worker).where(Worker.owner == owner).values(beat_at=time).returning(Worker.owner)
            ).first()
            if known is None:
                session.execute(delete(Worker).where(Worker.beat_at < time - FORGOTTEN_SECONDS))
                session.add(Worker(owner=owner, beat_at=time))

    def last_beat(self) -> float | None:
        """When any worker last did something, None if none ever did."""
        with self._database.read() as session:
            return session.scalar(select(func.max(Worker.beat_at)))
