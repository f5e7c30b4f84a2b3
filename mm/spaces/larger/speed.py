"""Speeds of this machine, measured once and stored: of a product of matrices, and of models."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from mm.errors import Unavailable
from mm.files import write_atomic
from mm.runtimes.choice import machine_key

if TYPE_CHECKING:
    from mm.machine import Machine
    from mm.settings import Settings

SIDE = 1024
REPEATS = 20
VALID_SECONDS = 3600.0
"""Age after which the product of matrices is measured again: other load shows in it."""
MEASURE_SECONDS = 600.0
MODULE = "mm.spaces.larger.measure"


class MeasuredSpeeds(BaseModel):
    """The contents of the file; it holds as long as the machine is the one of the measurement."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: dict[str, str]
    measured_at: float
    """Seconds of `time.time()`."""
    gflops: float
    """10^9 operations per second of a product of matrices: of the GPU in half precision, or of the
    processor in float32."""
    image_seconds: dict[str, float] = {}
    """Name of a space -> seconds for one image."""


def read_speeds(settings: Settings, machine: Machine) -> MeasuredSpeeds:
    """The stored speeds; that of matrices is measured and stored where none is, or an old one."""
    key = {**machine_key([], settings.threads), "gpus": ", ".join(gpu.name for gpu in machine.gpus)}
    try:
        stored = MeasuredSpeeds.model_validate_json(_path(settings).read_bytes())
    except (OSError, ValidationError):
        stored = None
    if stored is not None and stored.key != key:
        stored = None
    if stored is not None and 0 <= time.time() - stored.measured_at < VALID_SECONDS:
        return stored
    gflops = _measure_gpu(settings) if machine.gpus else measure_processor()
    image_seconds = {} if stored is None else stored.image_seconds
    measured = MeasuredSpeeds(key=key, measured_at=time.time(), gflops=gflops, image_seconds=image_seconds)
    _write(settings, measured)
    return measured


def measure_processor() -> float:
    """10^9 operations per second of a product of float32 matrices, the fastest of `REPEATS`."""
    matrix = np.random.default_rng(0).standard_normal((SIDE, SIDE), dtype=np.float32)
    times = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        matrix @ matrix
        times.append(time.perf_counter() - started)
    return 2 * SIDE**3 / min(times) / 1e9


def measure_space(settings: Settings, machine: Machine, name: str, images: Sequence[Path]) -> float:
    """Seconds of the model for one image: the median of three runs over `images`.

    It runs in a process of its own. The result is stored. Raises `Unavailable`.
    """
    seconds = _run(settings, name, *map(str, images))
    speeds = read_speeds(settings, machine)
    _write(settings, speeds.model_copy(update={"image_seconds": {**speeds.image_seconds, name: seconds}}))
    return seconds


def _measure_gpu(settings: Settings) -> float:
    """The speed of the GPU; that of the processor if torch cannot use it."""
    try:
        return _run(settings)
    except Unavailable:
        return measure_processor()


def _run(settings: Settings, *arguments: str) -> float:
    environment = {**os.environ, "MM_HOME": str(settings.root), "MM_THREADS": str(settings.threads)}
    try:
        process = subprocess.run(
            [sys.executable, "-P", "-m", MODULE, *arguments],
            env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=MEASURE_SECONDS, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise Unavailable(f"The speed was not measured within {MEASURE_SECONDS:.0f} s.") from error
    if process.returncode != 0:
        reason = (process.stderr.strip().splitlines() or [f"exit status {process.returncode}"])[-1]
        raise Unavailable(f"The speed cannot be measured: {reason}")
    return float(json.loads(process.stdout))


def _path(settings: Settings) -> Path:
    return settings.root / "cache" / "space-speeds.json"


def _write(settings: Settings, speeds: MeasuredSpeeds) -> None:
    try:
        write_atomic(_path(settings), speeds.model_dump_json(indent=2).encode())
    except OSError as error:
        raise Unavailable(f"The measured speed cannot be stored: {error.strerror}.") from error
