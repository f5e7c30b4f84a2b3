"""A supervised engine: one child process, started again when it ends or stalls.

The requests in flight at a failure end with `GenerationInterrupted`, which the client may retry.
"""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import queue
import threading
import time
from collections.abc import AsyncGenerator, Callable, Generator
from itertools import count
from typing import TYPE_CHECKING, Self

from mm.errors import GenerationInterrupted, InvalidInput, MMError, Unavailable
from mm.generation.process.child import run_child
from mm.generation.process.messages import Add, Cancel, MetricsReport, Ready, Rejected, ReportMetrics, StartFailed, StepDone
from mm.generation.process.sender import Sender
from mm.generation.request import RequestOutput

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.context import SpawnProcess

    from mm.generation.engine import Engine
    from mm.generation.process.messages import FromChild, ToChild
    from mm.generation.request import Request

OnOutput = Callable[[RequestOutput | MMError], None]
"""Receives the outputs of a request, in the thread of the supervisor. It must not block. The last
call has an error or an output with a `finish_reason`."""

POLL_SECONDS = 0.2  # between two checks whether the child stalled
LONGEST_DELAY = 30.0  # between the end of a child and the start of the next


class EngineProcess:
    """Runs the engine for as long as the `with` block lasts. Methods may be called by any thread.

    `make_engine` is a function of a module, which the child imports; the child is spawned. A child
    that sends nothing for `stall_seconds` while it has requests is killed.
    """

    def __init__(self, make_engine: Callable[[], Engine], stall_seconds: float = 120.0, first_delay: float = 0.5) -> None:
        self._make_engine = make_engine
        self._stall_seconds = stall_seconds
        self._first_delay = first_delay
        self._lock = threading.Lock()  # guards the attributes up to the next blank line
        self._open: dict[str, OnOutput] = {}
        self._connection: Connection[ToChild, FromChild] | None = None  # None: not ready
        self._busy_since = 0.0  # the last message of the child, or the first request after it had none
        self._reports: dict[int, queue.SimpleQueue[bytes]] = {}  # the callers that wait for metrics

        self._pid: int | None = None
        self._numbers = count()
        self._sender = Sender()
        self._failure = ""
        self._started = threading.Event()  # the first start succeeded or failed
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._supervise, name="engine supervisor", daemon=True)
        self.num_restarts = 0

    def __enter__(self) -> Self:
        """Return when the engine is loaded. Raises `Unavailable` with the reason of a failure."""
        self._thread.start()
        self._started.wait()
        if self._failure:
            self.__exit__()
            raise Unavailable(f"The generation engine cannot be started: {self._failure}.")
        return self

    def __exit__(self, *error: object) -> None:
        self._stopping.set()
        self._thread.join()
        self._sender.close()

    @property
    def pid(self) -> int | None:
        """Process id of the child, None while there is none."""
        return self._pid

    def submit(self, request: Request, on_output: OnOutput) -> None:
        """Send a request. What the engine itself rejects arrives as an error at `on_output`.

        Raises `Unavailable` while the engine starts, `InvalidInput` for a used id.
        """
        with self._lock:
            if self._connection is None:
                raise Unavailable("The generation engine is starting. Try again in a few seconds.")
            if request.request_id in self._open:
                raise InvalidInput(f"The request id {request.request_id} is in use.")
            if not self._open:
                self._busy_since = time.monotonic()
            self._open[request.request_id] = on_output
            connection = self._connection
        self._sender.send(connection, Add(request))

    def cancel(self, request_id: str) -> None:
        """End a request, if it is open. Its last output has the finish reason `abort`."""
        with self._lock:
            connection = self._connection if request_id in self._open else None
        if connection is not None:
            self._sender.send(connection, Cancel(request_id))

    def generate(self, request: Request) -> Generator[RequestOutput, None, None]:
        """The outputs of a request as they arrive. Closing the iterator cancels the request."""
        outputs: queue.SimpleQueue[RequestOutput | MMError] = queue.SimpleQueue()
        self.submit(request, outputs.put)
        try:
            while True:
                output = outputs.get()
                if isinstance(output, MMError):
                    raise output
                yield output
                if output.finish_reason is not None:
                    return
        finally:
            self.cancel(request.request_id)

    async def generate_async(self, request: Request) -> AsyncGenerator[RequestOutput, None]:
        """`generate` for an event loop: a cancelled task cancels the request."""
        outputs: asyncio.Queue[RequestOutput | MMError] = asyncio.Queue()
        loop = asyncio.get_running_loop()
        self.submit(request, lambda output: _put(loop, outputs, output))
        try:
            while True:
                output = await outputs.get()
                if isinstance(output, MMError):
                    raise output
                yield output
                if output.finish_reason is not None:
                    return
        finally:
            self.cancel(request.request_id)

    def report_metrics(self, seconds: float = 5.0) -> bytes:
        """Metrics of the child in the format of Prometheus.

        b"" if none arrive within `seconds`, and while no child is ready.
        """
        report: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        number = next(self._numbers)
        with self._lock:
            if self._connection is None:
                return b""
            connection = self._connection
            self._reports[number] = report
        self._sender.send(connection, ReportMetrics(number))
        try:
            return report.get(timeout=seconds)
        except queue.Empty:
            return b""
        finally:
            with self._lock:
                self._reports.pop(number, None)

    def _supervise(self) -> None:
        delay = 0.0
        while not self._stopping.wait(delay):
            has_served = self._run_once()
            if not self._started.is_set():  # a first start that fails would fail again
                self._started.set()
                return
            delay = self._first_delay if has_served else min(max(2 * delay, self._first_delay), LONGEST_DELAY)
            self.num_restarts += not self._stopping.is_set()

    def _run_once(self) -> bool:
        """Run one child until it ends. Returns whether it served a step."""
        context = multiprocessing.get_context("spawn")
        connection, child_connection = context.Pipe()
        process = context.Process(target=run_child, args=(self._make_engine, child_connection), daemon=True)
        try:
            process.start()
        except Exception as error:  # noqa: BLE001  no memory, or a function that cannot be pickled
            self._failure = f"{type(error).__name__}: {error}"
            connection.close()
            return False
        finally:
            child_connection.close()  # the child's end is the only one: its death is the end of the stream
        self._pid = process.pid
        has_served = False
        try:
            while not self._stopping.is_set():
                if connection.poll(POLL_SECONDS):
                    has_served = self._receive(connection, connection.recv()) or has_served
                elif self._is_stalled():
                    process.kill()
        except (EOFError, OSError):
            pass
        finally:
            self._end_child(connection, process)
        return has_served

    def _receive(self, connection: Connection[ToChild, FromChild], message: FromChild) -> bool:
        """Handle a message. Returns whether it was a step."""
        match message:
            case Ready():
                with self._lock:
                    self._connection = connection
                self._started.set()
            case StartFailed(reason):
                self._failure = reason
            case MetricsReport(number, text):
                with self._lock:
                    report = self._reports.get(number)
                if report is not None:
                    report.put(text)
            case Rejected(request_id, error):
                self._deliver(request_id, error, is_last=True)
            case StepDone(outputs):
                with self._lock:
                    self._busy_since = time.monotonic()
                for output in outputs:
                    self._deliver(output.request_id, output, is_last=output.finish_reason is not None)
                return True
        return False

    def _deliver(self, request_id: str, output: RequestOutput | MMError, *, is_last: bool) -> None:
        with self._lock:
            on_output = self._open.pop(request_id, None) if is_last else self._open.get(request_id)
        if on_output is not None:
            on_output(output)

    def _is_stalled(self) -> bool:
        with self._lock:
            return bool(self._open) and time.monotonic() - self._busy_since > self._stall_seconds

    def _end_child(self, connection: Connection[ToChild, FromChild], process: SpawnProcess) -> None:
        with self._lock:
            self._connection = None
            interrupted, self._open = self._open, {}
            unreported = list(self._reports.values())
        process.kill()  # it holds nothing that must be saved
        process.join()
        self._sender.close_connection(connection)
        if not self._started.is_set() and not self._failure:
            self._failure = f"its process ended with the status {process.exitcode}"
        self._pid = None
        process.close()
        for report in unreported:
            report.put(b"")
        for on_output in interrupted.values():
            on_output(GenerationInterrupted("The generation engine stopped during the request. Send the request again."))


def _put(
    loop: asyncio.AbstractEventLoop, outputs: asyncio.Queue[RequestOutput | MMError], output: RequestOutput | MMError
) -> None:
    with contextlib.suppress(RuntimeError):  # the loop is closed: nothing waits for the output
        loop.call_soon_threadsafe(outputs.put_nowait, output)
