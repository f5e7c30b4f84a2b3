"""Signs of life of workers."""

from __future__ import annotations

from sqlalchemy import delete, func, select, update
from sqlalchemy.exc import IntegrityError

from indexes.catalog.base import CatalogMixin
from indexes.catalog.tables import Worker

FORGOTTEN_SECONDS = 24 * 3600.0
"""A worker that was silent for so long is not coming back under its name."""


class HeartbeatRows(CatalogMixin):
    def record_heartbeat(self, owner: str, time: float) -> None:
        """Note that a worker did something at `time`, in seconds of `time.time()`."""
        beat = update(Worker).where(Worker.owner == owner).values(heartbeat_at=time).returning(Worker.owner)
        with self._database.write() as session:
            if session.execute(beat).first() is not None:
                return
            session.execute(delete(Worker).where(Worker.heartbeat_at < time - FORGOTTEN_SECONDS))
            try:
                with session.begin_nested():
                    session.add(Worker(owner=owner, heartbeat_at=time))
            except IntegrityError:  # its first two beats came at once, on a database that lets two write
                session.execute(beat)

    def list_heartbeats(self) -> frozenset[tuple[str, float]]:
        """Each worker that is not forgotten, and when it last did something."""
        with self._database.read() as session:
            return frozenset(session.execute(select(Worker.owner, Worker.heartbeat_at)).tuples())

    def last_heartbeat(self) -> float | None:
        """When any worker last did something, None if none ever did."""
        with self._database.read() as session:
            return session.scalar(select(func.max(Worker.heartbeat_at)))
