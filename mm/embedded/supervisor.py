"""The whole service of one home folder: broker, API and worker, started in order, restarted when
one dies, stopped in order."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Self

import mm
from mm.client import Client
from mm.embedded.address_file import address_file_path, read_address_file
from mm.embedded.backoff import Backoff
from mm.embedded.broker import EmbeddedBroker, free_port
from mm.embedded.home_lock import HomeLock, lock_home
from mm.embedded.process import Process
from mm.embedded.terminal import clean
from mm.errors import MMError, Unavailable
from mm.settings import Settings

OnProgress = Callable[[str], None]
"""Hears what happens, one line at a time."""

POLL_SECONDS = 0.1  # between two looks at a part that starts
LOOK_SECONDS = (0.1, 1.0)  # between two looks at the readiness: the first pause and the longest
START_SECONDS = 600.0  # longest start: the first one builds the graphs of the towers
# Given to each part before it is killed, in this order. The broker keeps nothing, and would notice
# a signal only within a second.
STOP_SECONDS = {"API": 10.0, "worker": 20.0, "broker": 0.0}
PROBE_SECONDS = 5.0


class Supervisor:
    """Runs for as long as the `with` block lasts. `url` is known inside it; `wait_ready` returns
    when all of it works.

    One thread starts, watches and stops the parts: the kernel ends a part when the thread that
    started it is gone. A part that dies before all was ready once is a failure of the stack; later
    it is started again.
    """

    def __init__(
        self,
        settings: Settings,
        on_progress: OnProgress = lambda line: None,
        *,
        on_warning: OnProgress | None = None,
        lock: HomeLock | None = None,
        backoff: Backoff | None = None,
    ) -> None:
        """`on_progress` receives the progress of the start, `on_warning` later exits of processes.

        `lock` is the lock of the home folder, if it is held already.
        """
        self.settings = settings
        self.url = ""
        self._on_progress = on_progress
        self._on_warning = on_warning or on_progress
        self._parts: dict[str, Process] = {}  # in the order of their start
        self._backoff = backoff or Backoff()
        self._failure: MMError | None = None
        self._unready = "the service has not answered yet"
        self._waiting_for: set[str] = set()
        self._wake = threading.Event()
        """Set by each event that the thread of the stack has to act on: a part ended, or the stack
        is to stop."""
        self._alive = threading.Event()
        self._ready = threading.Event()
        self._stopping = threading.Event()
        self._hurry = threading.Event()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="stack", daemon=True)
        self._lock = lock

    def __enter__(self) -> Self:
        """Returns when the API answers. Raises `Conflict` if the folder is in use, `Unavailable`
        with the reason of a failure."""
        self._lock = self._lock or lock_home(self.settings.root)
        self._thread.start()
        try:
            self._wait(self._alive)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        self._stopping.set()
        self._wake.set()
        try:
            self._thread.join()
        except BaseException:  # a second Ctrl+C: no more patience
            self._hurry.set()
            self._thread.join()
            raise
        finally:
            if self._lock is not None:
                self._lock.release()

    @property
    def failure(self) -> MMError | None:
        """Why the stack gave up, if it did."""
        return self._failure

    def pids(self) -> dict[str, int]:
        """Process ids of the parts that run."""
        return {name: part.pid for name, part in self._parts.items() if part.pid is not None}

    def wait_ready(self) -> None:
        """Return when media can be taken in and asked for. Raises `Unavailable` with what is
        missing."""
        self._wait(self._ready)

    def wait_ended(self, seconds: float | None = None) -> bool:
        """Whether the stack gave up within that time, None for as long as it takes."""
        return self._ended.wait(seconds)

    def _wait(self, event: threading.Event) -> None:
        end = time.monotonic() + START_SECONDS
        while not event.wait(POLL_SECONDS):
            if self._ended.is_set():
                raise self._failure or Unavailable("The service was stopped.")
            if time.monotonic() > end:
                raise Unavailable(f"The service is not ready after {START_SECONDS:.0f} s: {self._unready}.")
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
                    self._watch()
        except MMError as error:
            self._failure = error
        except OSError as error:
            self._failure = Unavailable(f"The service cannot be started: {error}.")
        finally:
            self._stop()
            self._ended.set()

    def _await_readiness(self) -> None:
        """Ask the service until it is ready: often at first, then less often, because each answer
        takes work from the start."""
        pause, longest = LOOK_SECONDS
        while not self._stopping.is_set() and not self._ready.is_set():
            self._look()
            if not self._ready.is_set():
                self._wake.wait(pause)
                self._wake.clear()
                self._watch()
                pause = min(2 * pause, longest)

    def _start(self) -> None:
        broker = self.settings.broker_url or self._start_broker()
        settings = self.settings.model_copy(update={"broker_url": broker})
        address_file_path(settings.root).unlink(missing_ok=True)  # whoever wrote it is gone: the lock is ours
        self._add("API", _python("api"), environment(settings))
        self._until(self._note_is_there, "API")
        # From now on the address stays, also after restarts.
        note = read_address_file(settings.root)
        assert note is not None
        self.url = note.url
        self._parts["API"].environment["MM_PORT"] = str(note.port)
        self._alive.set()
        self._add("worker", _python("workers"), environment(settings))

    def _start_broker(self) -> str:
        broker = EmbeddedBroker(self.settings.root / "broker", free_port())
        self._add("broker", broker.command(), dict(os.environ))
        self._until(broker.answers, "broker")
        return broker.url

    def _add(self, name: str, command: list[str], environment: Mapping[str, str]) -> None:
        self._on_progress(f"starting the {name}")
        part = Process(name, command, environment, self.settings.root / "log" / f"{name.lower()}.log", self._wake.set)
        self._parts[name] = part
        part.start()

    def _until(self, condition: Callable[[], bool], name: str) -> None:
        end = time.monotonic() + START_SECONDS
        while not condition():
            self._watch()
            if self._stopping.wait(POLL_SECONDS) or time.monotonic() > end:
                raise Unavailable(f"The {name} did not start; see {self._parts[name].log}.")

    def _note_is_there(self) -> bool:
        note = read_address_file(self.settings.root)
        return note is not None and note.pid == self._parts["API"].pid

    def _watch(self) -> None:
        """Notice what died, and start again what is due. Raises `Unavailable` for a death before
        the first readiness."""
        for name, part in self._parts.items():
            status = part.poll_exit_status()
            if status is not None:
                self._bury(name, part, status)
        for name in self._backoff.list_due(time.monotonic()):
            self._on_warning(f"starting the {name} again")
            self._parts[name].start()
            self._backoff.record_start(name, time.monotonic())

    def _bury(self, name: str, part: Process, status: int) -> None:
        words = part.read_last_log_line()
        if not self._ready.is_set():
            raise Unavailable(f"The {name} stopped at its start: {words or _ending(status)} See {part.log}.")
        pause = self._backoff.record_exit(name, time.monotonic())
        self._on_warning(f"the {name} stopped ({_ending(status)}: {words or 'no words'}); it is started again in {pause:.0f} s")

    def _look(self) -> None:
        """Ask the service what it still lacks, and report it when that changed."""
        try:
            with Client(self.url, timeout=PROBE_SECONDS) as client:
                readiness = client.ready()
        except MMError as error:
            self._unready = str(error).rstrip(".")
            return
        if readiness.ready:
            self._ready.set()
            self._on_progress("ready")
            return
        missing = [check for check in readiness.checks if check.required and not check.ok]
        self._unready = "; ".join(clean(check.detail).rstrip(".") for check in missing)
        names = {check.name for check in missing}
        if names != self._waiting_for:  # details change all the time
            self._waiting_for = names
            self._on_progress(f"waiting for {' and '.join(sorted(names))}")

    def _stop(self) -> None:
        for name, seconds in STOP_SECONDS.items():
            if name in self._parts:
                self._parts[name].stop(seconds, self._hurry)


def environment(settings: Settings) -> dict[str, str]:
    """Environment of a part: these settings and no others, and our packages wherever it is
    started."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MM_")}
    given = {f"MM_{name.upper()}": str(getattr(settings, name)) for name in settings.model_fields_set}
    given["MM_HOME"] = str(settings.root)
    path = os.pathsep.join(filter(None, [str(Path(mm.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]))
    return {**kept, **given, "PYTHONPATH": path}


def _python(module: str) -> list[str]:
    return [sys.executable, "-P", "-m", module]  # -P: a folder `api` where the part runs is not ours


def _ending(status: int) -> str:
    return f"signal {-status}" if status < 0 else f"exit status {status}"
