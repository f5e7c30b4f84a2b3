"""Reports of the workers: heartbeats, and the active layers of the sandbox of decoding children."""

from __future__ import annotations

from sqlalchemy import delete, func, select, update
from sqlalchemy.exc import IntegrityError

from indexes.catalog.base import CatalogMixin
from indexes.catalog.tables import SandboxReport, Worker

EXPIRED_SECONDS = 24 * 3600.0
"""Age at which rows of a worker without a heartbeat are deleted; process names are not reused."""


class HeartbeatRows(CatalogMixin):
    def record_heartbeat(self, owner: str, time: float) -> None:
        """Record that a worker made progress at `time`, in seconds of `time.time()`."""
        updated = update(Worker).where(Worker.owner == owner).values(heartbeat_at=time).returning(Worker.owner)
        with self._database.write() as session:
            if session.execute(updated).first() is not None:
                return
            session.execute(delete(Worker).where(Worker.heartbeat_at < time - EXPIRED_SECONDS))
            try:
                with session.begin_nested():
                    session.add(Worker(owner=owner, heartbeat_at=time))
            except IntegrityError:  # PostgreSQL: another transaction inserted the row at the same time
                session.execute(updated)

    def list_heartbeats(self) -> frozenset[tuple[str, float]]:
        """Return each worker with the time of its last heartbeat."""
        with self._database.read() as session:
            return frozenset(session.execute(select(Worker.owner, Worker.heartbeat_at)).tuples())

    def get_last_heartbeat(self) -> float | None:
        """Return the time of the last heartbeat of any worker, None without any."""
        with self._database.read() as session:
            return session.scalar(select(func.max(Worker.heartbeat_at)))


class SandboxReportRows(CatalogMixin):
    def record_sandbox_report(self, owner: str, time: float, report: str) -> None:
        """Replace the report of a worker, a JSON document, and delete those of expired workers."""
        old = SandboxReport.reported_at < time - EXPIRED_SECONDS
        with self._database.write() as session:
            session.execute(delete(SandboxReport).where(old, SandboxReport.owner.not_in(select(Worker.owner))))
            session.merge(SandboxReport(owner=owner, report=report, reported_at=time))

    def list_sandbox_reports(self) -> dict[str, str]:
        """Return the report of each worker by its name."""
        with self._database.read() as session:
            return dict(session.execute(select(SandboxReport.owner, SandboxReport.report)).tuples().all())
