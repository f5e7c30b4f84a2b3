"""A PostgreSQL server from a wheel, which can be killed and restarted."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path
from typing import Self

import psutil
import psycopg

from mm.errors import Unavailable

START_SECONDS = 60.0
PAUSE_SECONDS = 0.05
ANSWER_SECONDS = 2


class Postgresql:
    """Runs within a `with` block. Raises `Unavailable` if the wheel is not installed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.url = ""

    def __enter__(self) -> Self:
        runtime = self._folder / "runtime"
        runtime.mkdir(mode=0o700, parents=True)
        before = os.environ.get("XDG_RUNTIME_DIR")
        os.environ["XDG_RUNTIME_DIR"] = str(runtime)  # read at import
        try:
            import pgserver
        except ImportError as error:
            raise Unavailable("This bench needs the package pgserver, which `make test` installs.") from error
        finally:
            if before is None:
                del os.environ["XDG_RUNTIME_DIR"]
            else:
                os.environ["XDG_RUNTIME_DIR"] = before
        self._server = pgserver.get_server(self._folder / "data", cleanup_mode="delete")
        self.url = str(self._server.get_uri())
        return self

    def __exit__(self, *error: object) -> None:
        self._server.cleanup()

    @property
    def pid(self) -> int:
        """Process id of the server, the parent of its other processes."""
        return int(self._server.get_pid())

    def kill(self) -> None:
        """Send SIGKILL to the server, wait until its other processes have ended, and restart it."""
        server = psutil.Process(self.pid)
        backends = server.children(recursive=True)
        server.kill()
        end = time.monotonic() + START_SECONDS
        while any(_is_running(process) for process in [server, *backends]):
            if time.monotonic() > end:
                raise Unavailable("PostgreSQL does not end.")
            time.sleep(PAUSE_SECONDS)
        # A zombie keeps its process id in use, and these files would then block the restart.
        for name in ("postmaster.pid", ".s.PGSQL.5432.lock"):
            (self._folder / "data" / name).unlink(missing_ok=True)
        self._server.ensure_postgres_running()

    def is_responding(self) -> bool:
        with contextlib.suppress(psycopg.Error), psycopg.connect(self.url, connect_timeout=ANSWER_SECONDS):
            return True
        return False


def _is_running(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
