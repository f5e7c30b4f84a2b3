"""The measured choice of a runtime, stored as JSON.

It holds as long as machine, libraries and weights are those of the measurement.
"""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from mm.files import write_atomic
from mm.runtimes.cpu_features import CPUINFO, read_cpu_flags, read_cpuinfo
from mm.runtimes.registry import RUNTIMES, count_usable_cores, list_runtimes
from mm.runtimes.tune import Trial


class Choice(BaseModel):
    """The selected runtime, the key of the measurement, and all trials."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    runtime: str
    key: dict[str, str]
    trials: list[Trial]


def machine_key(weights: Iterable[Path], threads: int, cpuinfo: Path = CPUINFO) -> dict[str, str]:
    """What decides which runtime is fastest: processor, cores, threads, libraries, weights."""
    digest = hashlib.sha256()
    for path in weights:
        digest.update(path.read_bytes() if path.exists() else b"-")
    libraries = sorted({runtime.library for runtime in RUNTIMES})
    return {
        "processor": _describe_processor(cpuinfo),
        "cores": str(count_usable_cores()),
        "threads": str(threads),
        "libraries": ", ".join(f"{name} {_get_version(name)}" for name in libraries),
        "weights": digest.hexdigest()[:16],
    }


def read_choice(path: Path, key: dict[str, str]) -> tuple[Choice | None, str]:
    """The stored choice if it holds for `key`; else None and the reason, to follow "because"."""
    try:
        choice = Choice.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None, "no measurement is stored"
    except (ValidationError, OSError):
        return None, f"{path.name} cannot be read"
    changed = sorted(name for name in key if choice.key.get(name) != key[name])
    if changed or choice.runtime not in list_runtimes():
        return None, f"the measurement is of other {' and '.join(changed) or 'runtimes'}"
    return choice, ""


def write_choice(path: Path, choice: Choice) -> None:
    """Write the file atomically. Raises `OSError`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, choice.model_dump_json(indent=2).encode())


def _describe_processor(cpuinfo: Path) -> str:
    """Model of the processor and a hash of its features; a virtual machine may hide either."""
    fields = read_cpuinfo(cpuinfo)
    if not fields:
        return f"{platform.machine()} {platform.processor()}".strip()
    flags = hashlib.sha256(" ".join(sorted(read_cpu_flags(cpuinfo))).encode()).hexdigest()[:8]
    return f"{fields.get('model name', platform.machine())} {flags}"


def _get_version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "none"
