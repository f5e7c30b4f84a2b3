"""ONNX Runtime on the CPU."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import onnxruntime

from mm.errors import Corrupt, InvalidInput
from mm.runtimes.types import Array

_BAD_INPUT = (
    onnxruntime.capi.onnxruntime_pybind11_state.InvalidArgument,
    onnxruntime.capi.onnxruntime_pybind11_state.Fail,
    ValueError,  # a missing or unknown name
)
_BAD_GRAPH = (
    onnxruntime.capi.onnxruntime_pybind11_state.InvalidProtobuf,
    onnxruntime.capi.onnxruntime_pybind11_state.InvalidArgument,  # an empty file
    onnxruntime.capi.onnxruntime_pybind11_state.InvalidGraph,
    onnxruntime.capi.onnxruntime_pybind11_state.NoSuchFile,
    onnxruntime.capi.onnxruntime_pybind11_state.Fail,
)


class OnnxRuntimeGraph:
    """A session; see `mm.runtimes.types.Graph`. Float32 throughout."""

    def __init__(self, path: Path, threads: int) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # Without the arena a session returns the memory of a large batch, which a worker of bounded
        # size needs.
        options.enable_cpu_mem_arena = False
        # Idle threads that spin would take the cores from decoding and speech.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except _BAD_GRAPH as error:
            raise Corrupt(f"ONNX Runtime cannot load the graph {path.name}: {error}.") from error

    def metadata(self) -> dict[str, str]:
        """What whoever exported the graph wrote into it."""
        return dict(self._session.get_modelmeta().custom_metadata_map)

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        names = [output.name for output in self._session.get_outputs()]
        try:
            return dict(zip(names, self._session.run(names, dict(inputs)), strict=True))
        except _BAD_INPUT as error:
            raise InvalidInput(f"The graph does not take these inputs: {error}.") from error
