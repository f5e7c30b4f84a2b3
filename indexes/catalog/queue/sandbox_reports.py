"""What each worker reports of the sandbox of its decoding children."""

from __future__ import annotations

from sqlalchemy import delete, select

from indexes.catalog.base import Rows
from indexes.catalog.queue.heartbeats import FORGOTTEN_SECONDS
from indexes.catalog.tables import Worker, WorkerLayers


class LayerRows(Rows):
    def report_layers(self, owner: str, time: float, report: str) -> None:
        """Store the report of a worker, JSON, in place of its former one, and remove old ones of
        workers that are forgotten."""
        old = WorkerLayers.reported_at < time - FORGOTTEN_SECONDS
        with self._database.write() as session:
            session.execute(delete(WorkerLayers).where(old, WorkerLayers.owner.not_in(select(Worker.owner))))
            session.merge(WorkerLayers(owner=owner, report=report, reported_at=time))

    def layer_reports(self) -> dict[str, str]:
        """The report of each worker, by owner."""
        with self._database.read() as session:
            return dict(session.execute(select(WorkerLayers.owner, WorkerLayers.report)).tuples().all())
