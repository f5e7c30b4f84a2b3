"""A real service in its own process, and commands that use its home folder."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from click.testing import CliRunner, Result

from mm.cli.main import main
from tests.waiting import wait_for_exit

START_SECONDS = 300  # the first start builds the graphs of the towers


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
        readable, _, _ = select.select([process.stdout], [], [], START_SECONDS)
        assert readable, f"not ready within {START_SECONDS} s: {(home.parent / 'serve.log').read_text()}"
        line = process.stdout.readline()
        assert line, (home.parent / "serve.log").read_text()
        address = json.loads(line)
        yield RunningService(process, address["url"], home, address["pids"])
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            wait_for_exit(process, "mm serve after SIGTERM")
        finally:
            kill(process)


@contextmanager
def run_command(home: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Run a command for the duration of the block; one that is left at the end is killed."""
    with (home.parent / "command.log").open("w") as log:
        process = subprocess.Popen(mm_command(*arguments), env=environment(home), stdout=log, stderr=log, text=True)
    try:
        yield process
    finally:
        kill(process)


def kill(process: subprocess.Popen[str]) -> None:
    """Kill a process, if it runs, and close its pipes."""
    process.kill()
    process.communicate()


@dataclass(frozen=True)
class Shell:
    """Runs commands on the home folder of a running service."""

    home: Path

    def __call__(self, *arguments: object) -> Result:
        result = CliRunner().invoke(main, [str(argument) for argument in arguments], env={"MM_HOME": str(self.home)})
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result
