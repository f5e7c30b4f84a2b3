"""Runs graphs with ONNX Runtime on the CPU."""

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
    """A session of ONNX Runtime; implements `mm.runtimes.types.Graph`."""

    def __init__(self, graph: Path | bytes, threads: int, *, keeps_memory: bool = False) -> None:
        """Load a graph, a file or its bytes. Raises `Corrupt` when ONNX Runtime refuses it."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # Without the arena a session releases the memory of a large batch, as the memory limit of
        # workers requires.
        options.enable_cpu_mem_arena = keeps_memory
        # Idle threads that spin would compete with decoding and speech recognition.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        name = "the graph" if isinstance(graph, bytes) else f"the graph {graph.name}"
        source = graph if isinstance(graph, bytes) else str(graph)
        try:
            self._session = onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
        except _BAD_GRAPH as error:
            raise Corrupt(f"ONNX Runtime cannot load {name}: {error}.") from error

    def metadata(self) -> dict[str, str]:
        """The custom metadata of the graph."""
        return dict(self._session.get_modelmeta().custom_metadata_map)

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        names = [output.name for output in self._session.get_outputs()]
        try:
            return dict(zip(names, self._session.run(names, dict(inputs)), strict=True))
        except _BAD_INPUT as error:
            raise InvalidInput(f"The graph does not take these inputs: {error}.") from error
