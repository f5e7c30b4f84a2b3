"""What each worker reports of the sandbox of its decoding children."""

from __future__ import annotations

from sqlalchemy import delete, select

from indexes.catalog.base import CatalogMixin
from indexes.catalog.queue.heartbeats import FORGOTTEN_SECONDS
from indexes.catalog.tables import SandboxReport, Worker


class SandboxReportRows(CatalogMixin):
    def record_sandbox_report(self, owner: str, time: float, report: str) -> None:
        """Store the report of a worker, JSON, in place of its former one, and remove old ones of
        workers that are forgotten."""
        old = SandboxReport.reported_at < time - FORGOTTEN_SECONDS
        with self._database.write() as session:
            session.execute(delete(SandboxReport).where(old, SandboxReport.owner.not_in(select(Worker.owner))))
            session.merge(SandboxReport(owner=owner, report=report, reported_at=time))

    def list_sandbox_reports(self) -> dict[str, str]:
        """The report of each worker, by owner."""
        with self._database.read() as session:
            return dict(session.execute(select(SandboxReport.owner, SandboxReport.report)).tuples().all())
