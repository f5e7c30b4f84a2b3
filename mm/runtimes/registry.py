"""Runtimes by name. A runtime's library is imported when a graph is loaded with it, never before."""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

from mm.errors import InvalidInput
from mm.runtimes.types import Graph


def _onnxruntime(path: Path, threads: int) -> Graph:
    from mm.runtimes.onnxruntime_cpu import OnnxRuntimeGraph

    return OnnxRuntimeGraph(path, threads)


def _openvino(path: Path, threads: int) -> Graph:
    from mm.runtimes.openvino_cpu import OpenVinoGraph

    return OpenVinoGraph(path, threads)


_RUNTIMES: dict[str, Callable[[Path, int], Graph]] = {"onnxruntime": _onnxruntime, "openvino": _openvino}


def runtimes() -> list[str]:
    """Names that `load_graph` takes, besides "auto"."""
    return sorted(_RUNTIMES)


def resolve(name: str) -> str:
    """The runtime that `name` stands for. Raises `InvalidInput` for an unknown name."""
    if name == "auto":
        return "onnxruntime"
    if name not in _RUNTIMES:
        raise InvalidInput(f"There is no runtime '{name}'. Runtimes are: auto, {', '.join(runtimes())}.")
    return name


def load_graph(path: Path, runtime: str = "auto", threads: int = 0) -> Graph:
    """Load an ONNX graph with a runtime; `threads` 0 means every core this process may use.

    Raises `InvalidInput` for an unknown runtime and `Corrupt` for a file that is no graph.
    """
    return _RUNTIMES[resolve(runtime)](path, threads or usable_cores())


def usable_cores() -> int:
    """Cores this process may run on, which a container may have limited."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def describe_runtime(name: str) -> str:
    """Name and version for a person, such as `onnxruntime 1.32.0`."""
    resolved = resolve(name)
    return f"{resolved} {version(resolved)}"
