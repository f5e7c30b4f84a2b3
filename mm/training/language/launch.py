"""Runs several configurations of the training at once, each in a process of its own.

The GPUs of the machine are dealt out in turn. A run is a name and options of `mm train language`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mm.errors import InvalidInput

GPU_VARIABLE = "CUDA_VISIBLE_DEVICES"
_PROGRAM = "from mm.cli.main import main; main()"
_POLL_S = 0.5
_TERMINATE_S = 10.0


@dataclass(frozen=True, slots=True)
class RunOptions:
    """A run and its command-line options besides data, cache and output folder."""

    name: str
    options: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RunResult:
    """How a run ended."""

    name: str
    exit_code: int | None
    """None when it was stopped at the time limit."""


def read_runs(path: Path) -> list[RunOptions]:
    """Read a JSON object of options by name. Raises `InvalidInput` for another content."""
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        runs = [RunOptions(str(name), tuple(map(str, options))) for name, options in stored.items()]
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise InvalidInput(f"{path} is not a JSON object of lists of options by name: {error}.") from error
    if not runs or not all(run.name and Path(run.name).name == run.name for run in runs):
        raise InvalidInput(f"{path} needs at least one run, with names that are file names.")
    return runs


def list_gpus(count: int) -> list[str]:
    """The names of the GPUs that this process may use; `count` is how many torch finds."""
    return os.environ[GPU_VARIABLE].split(",")[:count] if GPU_VARIABLE in os.environ else list(map(str, range(count)))


def run_all(runs: Sequence[RunOptions], common: Sequence[str], out: Path, gpus: Sequence[str], minutes: float) -> list[RunResult]:
    """Run all at once; each writes to `out`/NAME and prints to `out`/NAME.log.

    `gpus` are names as in CUDA_VISIBLE_DEVICES. Runs that are not done after `minutes` are stopped;
    0 is no limit.
    """
    out.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + 60 * minutes if minutes else float("inf")
    processes = [_start(run, common, out, gpus[index % len(gpus)] if gpus else None) for index, run in enumerate(runs)]
    while any(process.poll() is None for process in processes) and time.monotonic() < deadline:
        time.sleep(_POLL_S)
    return [RunResult(run.name, _finish(process)) for run, process in zip(runs, processes, strict=True)]


def _start(run: RunOptions, common: Sequence[str], out: Path, gpu: str | None) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", _PROGRAM, "train", "language", *common, "--out", str(out / run.name), *run.options]
    environment = os.environ if gpu is None else {**os.environ, GPU_VARIABLE: gpu}
    with (out / f"{run.name}.log").open("wb") as log:
        return subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, env=environment)


def _finish(process: subprocess.Popen[bytes]) -> int | None:
    if process.poll() is not None:
        return process.returncode
    process.terminate()
    try:
        process.wait(_TERMINATE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    return None
