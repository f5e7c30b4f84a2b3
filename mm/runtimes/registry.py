"""Runtimes by name. The library of a runtime is imported when a graph is loaded with it."""

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
    """A library and the precision in which it computes."""

    name: str
    library: str
    precision: Precision

    def describe(self) -> str:
        """Name and version of the library, as in `openvino-int8 2026.4.0`."""
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
"""The meaning of "auto" when nothing was measured: runs everywhere, in float32."""


def list_runtimes() -> list[str]:
    """The names of all runtimes, without "auto"."""
    return [runtime.name for runtime in RUNTIMES]


def find_runtime(name: str) -> Runtime:
    """The runtime of that name; `DEFAULT_RUNTIME` for "auto".

    Raises `InvalidInput` for an unknown name.
    """
    runtime = {"auto": DEFAULT_RUNTIME, **{known.name: known for known in RUNTIMES}}.get(name)
    if runtime is None:
        raise InvalidInput(f"There is no runtime '{name}'. Runtimes are: auto, {', '.join(list_runtimes())}.")
    return runtime


def find_float32_runtime(name: str) -> Runtime:
    """The float32 runtime with the library of `name`, or `DEFAULT_RUNTIME` if there is none.

    For networks that have no other precision.
    """
    library = find_runtime(name).library
    return next(
        (runtime for runtime in RUNTIMES if (runtime.library, runtime.precision) == (library, "float32")), DEFAULT_RUNTIME
    )


def load_graph(path: Path, runtime: str = "auto", threads: int = 0, *, keeps_memory: bool = False) -> Graph:
    """Load an ONNX graph with a runtime; `threads` 0 means all cores that this process may use.

    With `keeps_memory` ONNX Runtime keeps the memory of the largest run for the next one, which
    saves the time to obtain it again; OpenVINO always does.

    Quantization is part of the graph: an 8-bit runtime runs any graph. Raises `InvalidInput` for a
    runtime that is unknown or runs no graphs, `Corrupt` for a file that is not a graph,
    `Unavailable` when the processor lacks the precision.
    """
    selected, threads = find_runtime(runtime), threads or count_usable_cores()
    if selected.library == "onnxruntime":
        from mm.runtimes.onnxruntime_cpu import OnnxRuntimeGraph

        return OnnxRuntimeGraph(path, threads, keeps_memory=keeps_memory)
    if selected.library == "openvino":
        from mm.runtimes.openvino_cpu import OpenVinoGraph

        return OpenVinoGraph(path, threads, "bf16" if selected.precision == "bfloat16" else "f32")
    raise InvalidInput(f"The runtime {selected.name} does not run ONNX graphs.")


def require_runtime(name: str) -> None:
    """Raise `Unavailable` when this machine lacks what the runtime needs."""
    runtime = find_runtime(name)
    if runtime.precision == "bfloat16":
        from mm.runtimes.openvino_cpu import require_bfloat16

        require_bfloat16()
    elif runtime.library == "torch":
        from mm.runtimes.gpu import require_gpu

        require_gpu()


def count_usable_cores() -> int:
    """Number of cores that this process may use; a container may limit them."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
