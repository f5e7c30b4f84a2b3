"""A real worker: `python -m workers` in its own session, to be killed with all its children."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Self

from mm.settings import Settings
from tests.waiting import wait_for_exit

ROOT = Path(__file__).parents[2]


class WorkerProcess:
    """Runs inside a `with` block; processes that are left at the end are killed."""

    def __init__(self, settings: Settings, log: Path) -> None:
        self._env = {name: value for name, value in os.environ.items() if not name.startswith("MM_")}
        self._env |= {f"MM_{name.upper()}": str(value) for name, value in settings.model_dump(exclude_unset=True).items()}
        self.log = log

    def __enter__(self) -> Self:
        with self.log.open("ab") as file:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "workers"], cwd=ROOT, env=self._env, stderr=file, stdout=file, start_new_session=True
            )
        return self

    def __exit__(self, *error: object) -> None:
        self.kill()

    def kill(self) -> None:
        """SIGKILL, as the kernel does when memory runs out."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
        wait_for_exit(self._process, "the worker")

    def terminate(self) -> int:
        """SIGTERM; returns the exit status."""
        self._process.send_signal(signal.SIGTERM)
        return wait_for_exit(self._process, "the worker")

    @property
    def pid(self) -> int:
        return self._process.pid

    def running(self) -> bool:
        return self._process.poll() is None
