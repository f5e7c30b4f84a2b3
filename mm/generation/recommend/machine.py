"""The memory that a language model can have on this machine."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass

from mm.media.children.budget import available_memory

QUERY = ("--query-gpu=name,memory.total", "--format=csv,noheader,nounits")
TIMEOUT_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Gpu:
    name: str
    memory_gb: float


@dataclass(frozen=True, slots=True)
class Machine:
    memory_gb: float
    """Of the machine or the container, in GiB."""
    gpus: tuple[Gpu, ...]


def read_machine() -> Machine:
    """Asks `nvidia-smi` for GPUs; without it, or when it fails, there are none."""
    return Machine(available_memory() / 2**30, _read_gpus())


def _read_gpus() -> tuple[Gpu, ...]:
    if (program := shutil.which("nvidia-smi")) is None:
        return ()
    try:
        listed = subprocess.run([program, *QUERY], capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return ()
    return parse_gpus(listed)


def parse_gpus(listed: str) -> tuple[Gpu, ...]:
    """Lines of a name and MiB, separated by a comma; other lines are skipped."""
    pairs = (line.rpartition(",") for line in listed.splitlines())
    return tuple(Gpu(name.strip(), int(number) / 1024) for name, _, number in pairs if number.strip().isdigit())
