"""Reports the layers of the sandbox that hold in this worker, so that `/readyz` can show them."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import structlog

from mm.errors import Unavailable
from mm.media.sandbox.report import LayerReport

if TYPE_CHECKING:
    from indexes.catalog.catalog import Catalog
    from mm.media import MediaReader


CLOSE_SECONDS = 5.0  # that closing waits for a child that is just starting


class LayerReporter:
    """A thread that starts a decoding child once and writes what holds it to the catalog, again
    until that succeeds.

    The fork server that it starts is the one that the first file needs.
    """

    def __init__(self, catalog: Catalog, owner: str, reader: MediaReader, get_retry_seconds: float) -> None:
        self._catalog, self._owner, self._reader, self._retry_seconds = catalog, owner, reader, get_retry_seconds
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="layers", daemon=True)

    def __enter__(self) -> LayerReporter:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._closed.set()
        self._thread.join(CLOSE_SECONDS)

    def _run(self) -> None:
        report = LayerReport.from_reader(self._reader)
        while not self._closed.is_set():
            try:
                self._catalog.record_sandbox_report(self._owner, time.time(), report.to_json())
            except Unavailable as error:
                structlog.get_logger().warning("layers not reported, trying again", detail=str(error))
                self._closed.wait(self._retry_seconds)
            else:
                log = structlog.get_logger()
                (log.error if report.error else log.info)("layers reported", missing=dict(report.missing), error=report.error)
                return
