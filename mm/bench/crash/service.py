"""The system under test of `mm bench crash`: a service with SQLite or its own PostgreSQL."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import psutil

from mm.bench.crash.catalog_lock import lock_catalog
from mm.bench.crash.inventory import InventoryReader
from mm.bench.crash.postgresql import Postgresql
from mm.bench.crash.run import QUERIES, CrashRun
from mm.embedded.backoff import Backoff
from mm.embedded.environment import build_environment
from mm.embedded.supervisor import Supervisor
from mm.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mm.bench.crash.nemesis import Victim
    from mm.bench.crash.report import Report

CatalogKind = Literal["sqlite", "postgresql"]
LEASE_SECONDS, SWEEP_SECONDS, ORPHAN_SECONDS = 2.0, 0.2, 5.0
SLACK_SECONDS = 20.0
"""Additional time for an orphan, because the sweeper's process is killed and restarts, too."""
PROCESSES = ("worker", "broker", "API")


class ServiceUnderTest:
    """A supervised service; `kill` is thread-safe."""

    def __init__(self, supervisor: Supervisor, postgresql: Postgresql | None, others: Callable[[], set[int]]) -> None:
        """`others` returns the processes that use the folder beside the service."""
        self._supervisor = supervisor
        self._postgresql = postgresql
        self._others = others
        self.home = supervisor.settings.root
        self.url = supervisor.url
        self.victims: Sequence[Victim] = ["decoder", "child", "worker", "broker", "API"]
        if postgresql is not None:
            self.victims = [*self.victims, "postgresql"]
        # An orphan is removed by the first garbage collection after its minimum age.
        self.orphan_seconds = 2 * ORPHAN_SECONDS + SWEEP_SECONDS + SLACK_SECONDS

    def kill(self, victim: Victim) -> bool:
        if victim == "postgresql":
            assert self._postgresql is not None
            self._postgresql.kill()
            return True
        pids = self._supervisor.pids()
        if victim in PROCESSES:
            return _kill(pids.get(victim))
        worker = _child(pids.get("worker"))
        if victim == "child":
            return _kill(worker)
        return _kill(_child(worker)) or _kill(_child(pids.get("API")))

    def is_running(self) -> bool:
        return set(self._supervisor.pids()) == set(PROCESSES) and (self._postgresql is None or self._postgresql.is_responding())

    def lock_catalog(self) -> AbstractContextManager[None]:
        return lock_catalog(self._supervisor.settings.catalog_url)

    def find_stray_processes(self) -> list[str]:
        owned = {os.getpid(), *self._others()}
        for pid in self._supervisor.pids().values():
            owned |= {pid, *(child.pid for child in _children(pid))}
        home = str(self.home)
        strays = []
        for process in psutil.process_iter():
            try:
                if process.pid not in owned and process.environ().get("MM_HOME") == home and process.status() != "zombie":
                    strays.append(f"The process {process.pid} has not been ended: {' '.join(process.cmdline())[:80]}")
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue
        return strays


@contextmanager
def service_under_test(
    home: Path, catalog: CatalogKind = "sqlite", *, on_progress: Callable[[str], None] = lambda line: None, **overrides: object
) -> Iterator[tuple[ServiceUnderTest, InventoryReader]]:
    """Run a service on `home` with short time limits. Raises `Unavailable` if it cannot start."""
    with ExitStack() as stack:
        postgresql = stack.enter_context(Postgresql(home.parent / "postgresql")) if catalog == "postgresql" else None
        settings = Settings(
            **{
                "home": home,
                "host": "127.0.0.1",
                "port": 0,
                "database_url": "" if postgresql is None else postgresql.url,
                "chunk_seconds": 2.0,
                "sample_fps": 1.0,
                "lease_seconds": LEASE_SECONDS,
                "sweep_seconds": SWEEP_SECONDS,
                "leftover_seconds": ORPHAN_SECONDS,
                "refresh_seconds": 0.2,
                **overrides,
            }  # type: ignore[arg-type]
        )
        service = stack.enter_context(Supervisor(settings, on_progress, backoff=Backoff(first=0.0, longest=0.0)))
        service.wait_ready()
        inventory = stack.enter_context(InventoryReader(build_environment(settings), home / "log" / "inventory.log", QUERIES))
        yield ServiceUnderTest(service, postgresql, lambda: {inventory.pid}), inventory


def run_crash_bench(
    points: int, seed: int, catalog: CatalogKind, first: int, chunks: int, hold: float, on_progress: Callable[[str], None]
) -> Report:
    """Kill `points` times and check after each, then lock the catalog for `hold` seconds.

    Raises `Unavailable` when the service cannot be started.
    """
    folder = Path(tempfile.mkdtemp(prefix="mm-crash-"))
    with service_under_test(folder / "home", catalog, on_progress=on_progress) as service:
        run = CrashRun(*service, seed, chunks)
        run.prepare()
        run.run_points(first, points, on_progress)
        if hold:
            run.run_locked(hold)
        report = run.finish()
    if report.passed:
        shutil.rmtree(folder)
    else:
        on_progress(f"The library and its logs are kept in {folder}.")
    return report


def _kill(pid: int | None) -> bool:
    if pid is None:
        return False
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


def _child(pid: int | None) -> int | None:
    """The newest child of a process."""
    children = [child for child in _children(pid) if child.ppid() == pid]
    return children[-1].pid if children else None


def _children(pid: int | None) -> list[psutil.Process]:
    """All descendants."""
    if pid is None:
        return []
    try:
        return list(psutil.Process(pid).children(recursive=True))
    except psutil.NoSuchProcess:
        return []
