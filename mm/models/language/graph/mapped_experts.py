"""A decoder whose experts are inputs that lie in its data file, instead of constants.

ONNX Runtime copies constants into the layout of the processor when it loads a graph. Inputs are
used where they are, so that such a graph is loaded without reading the experts, and only the
selected ones are read from the disk. Its steps are slower.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

EXPERT_TENSORS = "expert_tensors"
"""Key of the metadata: for each input its offset in the data file, type and shape, as JSON."""

_OPERATOR, _INPUTS = "QMoE", (2, 3, 5, 6)  # values and scales of both matrices

Array = npt.NDArray[np.generic]


def turn_experts_into_inputs(model: bytes) -> bytes | None:
    """The graph with quantized experts as inputs; None for a graph without any. Imports onnx."""
    import onnx
    from onnx import helper

    proto = onnx.load_from_string(model)
    names = {node.input[place] for node in proto.graph.node if node.op_type == _OPERATOR for place in _INPUTS}
    tensors = [tensor for tensor in proto.graph.initializer if tensor.name in names]
    if not tensors:
        return None
    others = [tensor for tensor in proto.graph.initializer if tensor.name not in names]
    del proto.graph.initializer[:]
    proto.graph.initializer.extend(others)
    described = {}
    for tensor in tensors:
        entries = {entry.key: entry.value for entry in tensor.external_data}
        dtype = np.dtype(helper.tensor_dtype_to_np_dtype(tensor.data_type))
        described[tensor.name] = (int(entries["offset"]), dtype.str, list(tensor.dims))
        proto.graph.input.append(helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims))
    metadata = {entry.key: entry.value for entry in proto.metadata_props}
    helper.set_model_props(proto, {**metadata, EXPERT_TENSORS: json.dumps(described)})
    return bytes(proto.SerializeToString())


def map_experts(metadata: Mapping[str, str], data_file: Path) -> dict[str, Array]:
    """The inputs that a graph with this metadata takes from its data file, mapped.

    Raises `ValueError` for a file that is too short, `OSError`.
    """
    described = json.loads(metadata.get(EXPERT_TENSORS, "{}"))
    return {
        name: np.memmap(data_file, np.dtype(dtype), "r", offset, tuple(shape))
        for name, (offset, dtype, shape) in described.items()
    }
