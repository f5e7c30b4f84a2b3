"""Runs graphs with OpenVINO on the CPU."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import openvino

from mm.errors import Corrupt, InvalidInput, Unavailable
from mm.runtimes.types import Array


class OpenVinoGraph:
    """A compiled model of OpenVINO; implements `mm.runtimes.types.Graph`.

    `precision` is "f32" or "bf16". It is always set: by default OpenVINO uses bfloat16 where the
    processor has it, and vectors would depend on the machine. Raises `Corrupt` for a graph that
    OpenVINO refuses, and `Unavailable` for "bf16" on a processor without it, where OpenVINO would
    silently use float32.
    """

    def __init__(self, path: Path, threads: int, precision: str = "f32") -> None:
        config = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_NUM_THREADS": threads,
            "INFERENCE_PRECISION_HINT": precision,
        }
        core = openvino.Core()
        if precision == "bf16":
            require_bfloat16(core)
        try:
            model = core.compile_model(str(path), "CPU", config)
        except RuntimeError as error:
            raise Corrupt(f"OpenVINO cannot load the graph {path.name}: {error}.") from error
        self._inputs = {port.any_name: (port.partial_shape, port.element_type.to_dtype()) for port in model.inputs}
        self._outputs = [port.any_name for port in model.outputs]
        self._request = model.create_infer_request()
        self._lock = threading.Lock()  # a request has one set of buffers

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        self._check(inputs)
        with self._lock:
            try:
                self._request.infer(dict(inputs))
            except RuntimeError as error:
                raise InvalidInput(f"The graph does not take these inputs: {error}.") from error
            return {name: np.array(self._request.get_tensor(name).data) for name in self._outputs}

    def _check(self, inputs: Mapping[str, Array]) -> None:
        """Raise `InvalidInput` for another type or shape: OpenVINO would silently cast or crop."""
        if inputs.keys() != self._inputs.keys():
            raise InvalidInput(f"The graph takes the inputs {sorted(self._inputs)}, not {sorted(inputs)}.")
        for name, (shape, dtype) in self._inputs.items():
            array = inputs[name]
            if array.dtype != dtype or not shape.compatible(openvino.PartialShape(array.shape)):
                raise InvalidInput(f"The graph takes {name} as {dtype} {shape}, not {array.dtype} {array.shape}.")


def require_bfloat16(core: openvino.Core | None = None) -> None:
    """Raise `Unavailable` on a processor without bfloat16."""
    if "BF16" not in (core or openvino.Core()).get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        raise Unavailable("The runtime openvino-bf16 needs a processor with bfloat16 arithmetic, which this processor lacks.")
