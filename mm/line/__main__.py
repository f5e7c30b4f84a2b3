"""`python -m mm.line NAME`: the process of one line of the service, until a signal or its end."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from typing import TYPE_CHECKING

from mm.errors import Corrupt, InvalidInput, MediaError, MMError, NotFound, UnsupportedMedia
from mm.line.line import Line
from mm.line.open import open_sinks, open_source
from mm.line.records.ledger import Ledger
from mm.line.store import CSV, PERMANENT_EXIT, LineStatus, LineStore, make_config
from mm.media import MediaReader
from mm.private import restrict_umask
from mm.settings import load_settings

if TYPE_CHECKING:
    from mm.inspection.types import Inspector
    from mm.line.sinks.sink import Sink
    from mm.settings import Settings

REPORT_SECONDS = 1.0
PERMANENT = (InvalidInput, NotFound, Corrupt, MediaError, UnsupportedMedia)
"""Errors that another start does not mend."""


class StatusReporter:
    """Writes the status of a line once a second, and at the end."""

    def __init__(self, store: LineStore, name: str, line: Line, ledger: Ledger, sinks: dict[str, Sink]) -> None:
        self._store, self._name, self._line, self._ledger, self._sinks = store, name, line, ledger, sinks
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="line-status", daemon=True)

    def __enter__(self) -> StatusReporter:
        self._write(is_running=True)
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ended.set()
        self._thread.join()
        self._write(is_running=False)

    def _run(self) -> None:
        while not self._ended.wait(REPORT_SECONDS):
            self._write(is_running=True)

    def _write(self, *, is_running: bool) -> None:
        counts = self._line.counts
        status = LineStatus(
            pid=os.getpid(),
            at=time.time(),
            is_running=is_running,
            frames=counts.frames,
            dropped=counts.dropped,
            lost=counts.lost,
            reconnects=counts.reconnects,
            backlog={kind: self._ledger.num_pending(sink.name) for kind, sink in self._sinks.items()},
            refused={kind: self._ledger.num_refused(sink.name) for kind, sink in self._sinks.items()},
        )
        try:
            self._store.write_status(self._name, status)
        except OSError as error:  # a full disk: the verdicts report it
            print(f"The status of the line {self._name} cannot be written: {error.strerror}.", file=sys.stderr)  # noqa: T201


def open_inspector(name: str, settings: Settings) -> Inspector:
    """The current version of an inspector. Raises `NotFound` and the errors of its file."""
    from mm.inspection.features.load import load_backbone
    from mm.inspection.store import InspectorStore

    cache, threads = settings.root / "cache", settings.threads
    return InspectorStore(settings.root).load(name, lambda backbone: load_backbone(backbone, cache, threads=threads))


def run_line(name: str, settings: Settings) -> None:
    """Run a line until SIGTERM, SIGINT or the end of its source. Raises `MMError`."""
    store = LineStore(settings.root)
    stored = store.read(name)
    folder, request = store.folder(name), stored.request
    config, source = make_config(request), request.source
    sinks = open_sinks(request.sinks, folder / CSV)
    with MediaReader.from_settings(settings) as reader:
        address = source.camera or stored.path
        opened = open_source(
            address,
            reader,
            settings,
            source.pattern,
            source.images_per_part,
            once=source.once,
            pace=source.pace,
            fps=source.fps,
        )
        inspector = open_inspector(request.inspector, settings)
        with Ledger(folder, [sink.name for sink in sinks.values()]) as ledger:
            line = Line(config, opened, inspector, ledger, folder, list(sinks.values()))

            def stop(signum: int, frame: object) -> None:
                # Not in the handler: the code that the signal interrupted may have locked an event.
                threading.Thread(target=line.stop).start()

            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, stop)
            with StatusReporter(store, name, line, ledger, sinks):
                line.run()


def main() -> int:
    restrict_umask()
    try:
        run_line(sys.argv[1], load_settings())
    except MMError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return PERMANENT_EXIT if isinstance(error, PERMANENT) else 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
