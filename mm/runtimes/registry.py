"""Runtimes by name. A runtime's library is imported when a graph is loaded with it, never
before."""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

from mm.errors import InvalidInput
from mm.runtimes.types import Graph

Precision = Literal["float32", "bfloat16", "float16", "int8"]


@dataclass(frozen=True, slots=True)
class Runtime:
    """A library and the precision that it computes in."""

    name: str
    library: str
    precision: Precision

    def describe(self) -> str:
        """For a person, with the library's version: `openvino-int8 2026.4.0`."""
        try:
            return f"{self.name} {version(self.library)}"
        except PackageNotFoundError:
            return f"{self.name}, whose library {self.library} is not installed"


RUNTIMES = (
    Runtime("onnxruntime", "onnxruntime", "float32"),
    Runtime("onnxruntime-int8", "onnxruntime", "int8"),
    Runtime("openvino", "openvino", "float32"),
    Runtime("openvino-bf16", "openvino", "bfloat16"),
    Runtime("openvino-int8", "openvino", "int8"),
    Runtime("cuda", "torch", "float16"),
)
DEFAULT_RUNTIME = RUNTIMES[0]
"""What "auto" is where nothing has been measured: runs everywhere, in float32."""


def list_runtimes() -> list[str]:
    """Names of all runtimes, besides "auto"."""
    return [runtime.name for runtime in RUNTIMES]


def find_runtime(name: str) -> Runtime:
    """The runtime of that name; `DEFAULT_RUNTIME` for "auto".

    Raises `InvalidInput` for an unknown name.
    """
    found = {"auto": DEFAULT_RUNTIME, **{runtime.name: runtime for runtime in RUNTIMES}}.get(name)
    if found is None:
        raise InvalidInput(f"There is no runtime '{name}'. Runtimes are: auto, {', '.join(list_runtimes())}.")
    return found


def find_float32_runtime(name: str) -> Runtime:
    """The float32 runtime nearest to `name`, for a network that has no other precision: same
    library, or else `DEFAULT_RUNTIME`."""
    library = find_runtime(name).library
    return next(
        (runtime for runtime in RUNTIMES if (runtime.library, runtime.precision) == (library, "float32")), DEFAULT_RUNTIME
    )


def load_graph(path: Path, runtime: str = "auto", threads: int = 0) -> Graph:
    """Load an ONNX graph with a runtime; `threads` 0 means every core this process may use.

    What is quantized is in the graph itself: an 8-bit runtime runs any graph. Raises `InvalidInput`
    for a runtime that is unknown or runs no graphs, `Corrupt` for a file that is no graph,
    `Unavailable` where the processor lacks the precision.
    """
    found, threads = find_runtime(runtime), threads or usable_cores()
    if found.library == "onnxruntime":
        from mm.runtimes.onnxruntime_cpu import OnnxRuntimeGraph

        return OnnxRuntimeGraph(path, threads)
    if found.library == "openvino":
        from mm.runtimes.openvino_cpu import OpenVinoGraph

        return OpenVinoGraph(path, threads, "bf16" if found.precision == "bfloat16" else "f32")
    raise InvalidInput(f"The runtime {found.name} runs no graphs.")


def require_runtime(name: str) -> None:
    """Raise `Unavailable` where this machine lacks what the runtime needs: bfloat16, torch, a
    GPU."""
    found = find_runtime(name)
    if found.precision == "bfloat16":
        from mm.runtimes.openvino_cpu import require_bfloat16

        require_bfloat16()
    elif found.library == "torch":
        from mm.runtimes.gpu import require_gpu

        require_gpu()


def usable_cores() -> int:
    """Cores this process may run on, which a container may have limited."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
