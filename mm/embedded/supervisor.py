"""Supervisor of the service of one home folder: broker, API and worker."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Mapping
from typing import Self

from mm.client import Client
from mm.embedded.address_file import address_file_path, read_address_file
from mm.embedded.backoff import Backoff
from mm.embedded.broker import EmbeddedBroker, find_free_port
from mm.embedded.deferred_signals import DeferredSignals
from mm.embedded.environment import build_environment
from mm.embedded.home_lock import HomeLock, lock_home
from mm.embedded.process import Process
from mm.embedded.terminal import clean
from mm.errors import MMError, Unavailable
from mm.settings import Settings

OnProgress = Callable[[str], None]
"""Receives one line per event."""

POLL_SECONDS = 0.1  # between two checks of a process that starts
READINESS_SECONDS = (0.1, 1.0)  # between two readiness requests: the first pause and the longest
START_SECONDS = 600.0  # longest start: the first one builds the graphs of the towers
# Seconds from SIGTERM to SIGKILL, in the order of the stop. The broker persists nothing, and would
# react to a signal only within a second.
STOP_SECONDS = {"API": 10.0, "worker": 20.0, "broker": 0.0}
RESPONSE_SECONDS = 5.0


class Supervisor:
    """Runs the processes for as long as the `with` block lasts; `url` is set inside the block.

    One thread starts, watches and stops the processes, because the kernel ends a process when the
    thread that started it ends. A process that exits before the first readiness is a failure of the
    start; later it is restarted with back-off.
    """

    def __init__(
        self,
        settings: Settings,
        on_progress: OnProgress = lambda line: None,
        *,
        on_warning: OnProgress | None = None,
        lock: HomeLock | None = None,
        backoff: Backoff | None = None,
        start_seconds: float = START_SECONDS,
    ) -> None:
        """`on_progress` receives the progress of the start, `on_warning` later exits of processes.

        `lock` is the lock of the home folder, if it is held already.
        """
        self.settings = settings
        self.url = ""
        self._on_progress = on_progress
        self._on_warning = on_warning or on_progress
        self._processes: dict[str, Process] = {}  # in start order
        self._backoff = backoff or Backoff()
        self._start_seconds = start_seconds
        self._failure: MMError | None = None
        self._unready = "the service has not responded yet"
        self._waiting_for: set[str] = set()
        self._wake = threading.Event()
        """Set when a process has exited or a stop is requested."""
        self._alive = threading.Event()
        self._ready = threading.Event()
        self._stopping = threading.Event()
        self._kill_now = threading.Event()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="supervisor", daemon=True)
        self._lock = lock

    def __enter__(self) -> Self:
        """Return when the API responds. SIGINT and SIGTERM end the start.

        Raises `Conflict` if the folder is in use, `Unavailable` with the reason of a failure.
        """
        try:
            self._lock = self._lock or lock_home(self.settings.root)
            with DeferredSignals():
                self._thread.start()
                # It imports modules at first use. A signal that interrupts an import in this thread
                # leaves the modules incomplete in the thread of the supervisor.
                with Client():
                    pass
                self._wait(self._alive)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def stop(self) -> None:
        """End the processes and release the folder. Does nothing when they have ended.

        SIGINT or SIGTERM during the stop kills the processes at once.
        """
        with DeferredSignals() as signals:
            self._stopping.set()
            self._wake.set()
            while self._thread.is_alive():
                self._thread.join(POLL_SECONDS)
                if signals.num_received:
                    self._kill_now.set()
            if self._lock is not None:
                self._lock.release()

    @property
    def failure(self) -> MMError | None:
        """The error that ended the supervisor, if one did."""
        return self._failure

    def pids(self) -> dict[str, int]:
        """Process ids of the running processes, by name."""
        return {name: process.pid for name, process in self._processes.items() if process.pid is not None}

    def wait_ready(self) -> None:
        """Return when uploads and searches are accepted. Raises `Unavailable` with the reason."""
        self._wait(self._ready)

    def wait_ended(self, seconds: float | None = None) -> bool:
        """Whether the supervisor has ended within that time; `None` waits without a limit."""
        return self._ended.wait(seconds)

    def _wait(self, event: threading.Event) -> None:
        end = time.monotonic() + self._start_seconds
        with DeferredSignals() as signals:
            while not event.wait(POLL_SECONDS):
                if self._ended.is_set():
                    raise self._failure or Unavailable("The service was stopped.")
                if signals.num_received:
                    raise Unavailable("The start was interrupted.")
                if time.monotonic() > end:
                    raise Unavailable(
                        f"The service is not ready after {self._start_seconds:.0f} s: {self._unready}. "
                        f"See the logs in {self.settings.root / 'log'}."
                    )
            if self._failure is not None:
                raise self._failure

    def _run(self) -> None:
        try:
            self._start()
            self._await_readiness()
            while not self._stopping.is_set():
                self._wake.wait(self._backoff.seconds_until_due(time.monotonic()))
                self._wake.clear()
                if not self._stopping.is_set():
                    self._check_processes()
        except MMError as error:
            self._failure = error
        except OSError as error:
            self._failure = Unavailable(f"The service cannot be started: {error}.")
        finally:
            self._stop()
            self._ended.set()

    def _await_readiness(self) -> None:
        """Request the readiness until the service is ready, with growing pauses.

        Each response takes processor time from the start.
        """
        pause, longest = READINESS_SECONDS
        while not self._stopping.is_set() and not self._ready.is_set():
            self._check_readiness()
            if not self._ready.is_set():
                self._wake.wait(pause)
                self._wake.clear()
                self._check_processes()
                pause = min(2 * pause, longest)

    def _start(self) -> None:
        broker = self.settings.broker_url or self._start_broker()
        settings = self.settings.model_copy(update={"broker_url": broker})
        address_file_path(settings.root).unlink(missing_ok=True)  # stale: this supervisor holds the lock
        self._start_process("API", _python("api"), build_environment(settings))
        self._wait_until(self._has_address_file, "API")
        # Restarts keep the address.
        address = read_address_file(settings.root)
        assert address is not None
        self.url = address.url
        self._processes["API"].environment["MM_PORT"] = str(address.port)
        self._alive.set()
        self._start_process("worker", _python("workers"), build_environment(settings))

    def _start_broker(self) -> str:
        broker = EmbeddedBroker(self.settings.root / "broker", find_free_port())
        self._start_process("broker", broker.write_config(), dict(os.environ))
        self._wait_until(broker.is_responding, "broker")
        return broker.url

    def _start_process(self, name: str, command: list[str], environment: Mapping[str, str]) -> None:
        self._on_progress(f"starting the {name}")
        process = Process(name, command, environment, self.settings.root / "log" / f"{name.lower()}.log", self._wake.set)
        self._processes[name] = process
        process.start()

    def _wait_until(self, condition: Callable[[], bool], name: str) -> None:
        end = time.monotonic() + self._start_seconds
        while not condition():
            self._check_processes()
            if self._stopping.wait(POLL_SECONDS) or time.monotonic() > end:
                raise Unavailable(f"The {name} did not start; see {self._processes[name].log}.")

    def _has_address_file(self) -> bool:
        address = read_address_file(self.settings.root)
        return address is not None and address.pid == self._processes["API"].pid

    def _check_processes(self) -> None:
        """Handle exits and start the processes whose restart is due.

        Raises `Unavailable` for an exit before the first readiness.
        """
        for name, process in self._processes.items():
            status = process.poll_exit_status()
            if status is not None:
                self._handle_exit(name, process, status)
        for name in self._backoff.list_due(time.monotonic()):
            self._on_warning(f"restarting the {name}")
            self._processes[name].start()
            self._backoff.record_start(name, time.monotonic())

    def _handle_exit(self, name: str, process: Process, status: int) -> None:
        last_line = process.read_last_log_line()
        if not self._ready.is_set():
            raise Unavailable(f"The {name} exited during its start: {last_line or _describe_exit(status)} See {process.log}.")
        delay = self._backoff.record_exit(name, time.monotonic())
        self._on_warning(
            f"the {name} exited ({_describe_exit(status)}: {last_line or 'nothing was logged'}); it restarts in {delay:.0f} s"
        )

    def _check_readiness(self) -> None:
        """Request the readiness, and report the failing checks when they change."""
        try:
            with Client(self.url, timeout=RESPONSE_SECONDS) as client:
                readiness = client.ready()
        except MMError as error:
            self._unready = str(error).rstrip(".")
            return
        if readiness.ready:
            self._ready.set()
            self._on_progress("ready")
            return
        failing = [check for check in readiness.checks if check.required and not check.ok]
        self._unready = "; ".join(clean(check.detail).rstrip(".") for check in failing)
        names = {check.name for check in failing}
        if names != self._waiting_for:  # details change with every response
            self._waiting_for = names
            self._on_progress(f"waiting for {' and '.join(sorted(names))}")

    def _stop(self) -> None:
        for name, seconds in STOP_SECONDS.items():
            if name in self._processes:
                self._processes[name].stop(seconds, self._kill_now)


def _python(module: str) -> list[str]:
    return [sys.executable, "-P", "-m", module]  # -P: a folder `api` in the working directory is not imported


def _describe_exit(status: int) -> str:
    return f"signal {-status}" if status < 0 else f"exit status {status}"
