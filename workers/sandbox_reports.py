"""Reports the active sandbox layers of this worker to the catalog, for `/readyz`."""

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


CLOSE_SECONDS = 5.0
"""Maximum wait at close for a child process that is starting."""


class LayerReporter:
    """Thread that starts one decoding child process and writes its layers to the catalog.

    It retries until the catalog accepts the report. The fork server that it starts is reused for
    the first file.
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
                structlog.get_logger().warning("sandbox layers not reported, retrying", detail=str(error))
                self._closed.wait(self._retry_seconds)
            else:
                log = structlog.get_logger()
                (log.error if report.error else log.info)(
                    "sandbox layers reported", missing=dict(report.missing), error=report.error
                )
                return
