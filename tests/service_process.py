"""A real service in its own process, and commands that use its home folder."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from click.testing import CliRunner, Result

from mm.cli.main import main

START_SECONDS = 300


@dataclass(frozen=True)
class RunningService:
    """A ready `mm serve` process."""

    process: subprocess.Popen[str]
    url: str
    home: Path
    pids: dict[str, int]


def mm_command(*arguments: str) -> list[str]:
    return [sys.executable, "-c", "from mm.cli.main import main; main(prog_name='mm')", *arguments]


def environment(home: Path) -> dict[str, str]:
    return {**os.environ, "MM_HOME": str(home)}


@contextmanager
def run_service(home: Path) -> Iterator[RunningService]:
    """Run the service for the duration of the block, unless the block stops it."""
    command = mm_command("serve", "--port", "0", "--json")
    with (home.parent / "serve.log").open("w") as log:
        process = subprocess.Popen(command, env=environment(home), stdout=subprocess.PIPE, stderr=log, text=True)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, (home.parent / "serve.log").read_text()
        address = json.loads(line)
        yield RunningService(process, address["url"], home, address["pids"])
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.wait(START_SECONDS)
        process.stdout.close()


@dataclass(frozen=True)
class Shell:
    """Runs commands on the home folder of a running service."""

    home: Path

    def __call__(self, *arguments: object) -> Result:
        result = CliRunner().invoke(main, [str(argument) for argument in arguments], env={"MM_HOME": str(self.home)})
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result
