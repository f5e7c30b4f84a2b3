"""The loop of the child process."""

from __future__ import annotations

import gc
import signal
import sys
from typing import TYPE_CHECKING

from prometheus_client import generate_latest

from mm.errors import GenerationFailed, MMError, NotFound
from mm.generation.process.messages import Add, Cancel, MetricsReport, Ready, Rejected, ReportMetrics, StartFailed, StepDone

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.connection import Connection

    from mm.generation.engine import Engine
    from mm.generation.process.messages import FromChild, ToChild


def run_child(make_engine: Callable[[], Engine], connection: Connection[FromChild, ToChild]) -> None:
    """Serve requests until the other process closes the connection, or ends.

    An error of the runner ends the child: what the device holds after it is unknown.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C reaches the whole group; the parent stops the child
    try:
        engine = make_engine()
    except Exception as error:  # noqa: BLE001  reported to the parent, whatever it is
        connection.send(StartFailed(f"{type(error).__name__}: {error}"))
        sys.exit(1)
    gc.freeze()  # what was loaded stays: the collections of a long life need not search it
    connection.send(Ready())
    try:
        while True:
            while not engine.has_requests or connection.poll():
                _handle(engine, connection, connection.recv())
            connection.send(StepDone(engine.step()))
    except (EOFError, ConnectionError):
        return


def _handle(engine: Engine, connection: Connection[FromChild, ToChild], message: ToChild) -> None:
    match message:
        case Add(request):
            try:
                engine.add(request)
            except MMError as error:
                connection.send(Rejected(request.request_id, error))
            except Exception as error:  # noqa: BLE001  of this request: the others go on
                detail = f"The engine cannot read the request: {type(error).__name__}: {error}."
                connection.send(Rejected(request.request_id, GenerationFailed(detail)))
        case Cancel(request_id):
            try:
                connection.send(StepDone([engine.cancel(request_id)]))
            except NotFound:  # it ended before the message arrived
                return
        case ReportMetrics(number):
            connection.send(MetricsReport(number, generate_latest(engine.metrics.registry)))
