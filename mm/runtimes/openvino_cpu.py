"""OpenVINO on the CPU."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import openvino

from mm.errors import Corrupt, InvalidInput
from mm.runtimes.types import Array


class OpenVinoGraph:
    """A compiled model; see `mm.runtimes.types.Graph`.

    `precision` is "f32" or "bf16". OpenVINO takes bfloat16 by itself where the processor has it; it is told here, so that
    vectors do not depend on the machine unless somebody decided so.
    """

    def __init__(self, path: Path, threads: int, precision: str = "f32") -> None:
        config = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_NUM_THREADS": threads,
            "INFERENCE_PRECISION_HINT": precision,
        }
        try:
            model = openvino.Core().compile_model(str(path), "CPU", config)
        except RuntimeError as error:
            raise Corrupt(f"OpenVINO cannot load the graph {path.name}: {error}.") from error
        self._inputs = {port.any_name for port in model.inputs}
        self._outputs = [port.any_name for port in model.outputs]
        self._request = model.create_infer_request()
        self._lock = threading.Lock()  # one request holds one set of buffers

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        if set(inputs) != self._inputs:
            raise InvalidInput(f"The graph takes the inputs {sorted(self._inputs)}, not {sorted(inputs)}.")
        with self._lock:
            try:
                self._request.infer(dict(inputs))
            except RuntimeError as error:
                raise InvalidInput(f"The graph does not take these inputs: {error}.") from error
            return {name: np.array(self._request.get_tensor(name).data) for name in self._outputs}
