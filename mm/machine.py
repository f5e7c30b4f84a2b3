"""The memory and the GPUs of this machine, for what recommends models."""

from __future__ import annotations

import os
import shutil
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")
OWN_CGROUP = Path("/proc/self/cgroup")
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


def available_memory(cgroups: Path = CGROUPS, own: Path = OWN_CGROUP) -> int:
    """Bytes of the machine, or of the smallest enclosing control group, versions 1 and 2."""
    limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    with suppress(OSError):
        for line in own.read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if controllers in {"", "memory"}:
                limits += _read_limits(cgroups / controllers, path, "memory.limit_in_bytes" if controllers else "memory.max")
    return min(limits)


def _read_limits(root: Path, path: str, file: str) -> list[int]:
    """Limits of a group and of its parents. In a container the path may not exist there."""
    group, limits = root / path.lstrip("/"), []
    for folder in (group, *(parent for parent in group.parents if parent == root or root in parent.parents)):
        with suppress(OSError, ValueError):  # "max" is not a number: no limit
            limits.append(int((folder / file).read_text()))
    return [limit for limit in limits if limit > 0]
