"""Finds the ranges of an 8-bit image tower on training pictures, and corrects its biases; needs no
torch.

Ranges are the least and largest activation seen. Then, layer by layer from the input, the bias is
moved so that each channel has the mean that it has in float32 when the layers before are already in
8 bits: Nagel et al. 2019, "Data-Free Quantization Through Weight Equalization and Bias Correction"
(arXiv:1906.04721), section 4.2, with means that are measured. Names of arrays end in their axes: N
pictures, H height, W width, C channels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime

from mm.media.types import RGB
from mm.models.image.efficientnet_lite import INPUT, list_blocks
from mm.models.image.graph import build_graph
from mm.models.image.graph_int8 import Quantization, build_quantized_graph
from mm.models.onnx_builder import Float, Weights

BATCH = 4
"""Pictures at once; all activations of as many are in memory."""

Told = Callable[[str], None]


def calibrate_int8(weights: Weights, digest: str, pictures_NHWC: RGB, told: Told = lambda line: None) -> Quantization:
    """Ranges and corrections for weights whose file has the hash `digest`, from pictures of the
    tower's size."""
    size = pictures_NHWC.shape[1]
    convolutions = _convolutions()
    reference = build_graph(weights, size)
    ranges = find_ranges(reference, pictures_NHWC)
    told(f"ranges of {len(ranges)} layers")
    linear = {name: name if name.endswith(".project") else f"{name}.linear" for name in convolutions}
    wanted = mean_activations(reference, list(linear.values()), pictures_NHWC)
    corrections: dict[str, Float] = {}
    for name in convolutions:
        graph = build_quantized_graph(weights, size, Quantization(ranges, corrections, digest))
        seen_C = mean_activations(graph, [f"{name}.linear"], pictures_NHWC)[f"{name}.linear"]
        corrections[name] = (wanted[linear[name]] - seen_C).astype(np.float32)
        told(f"{name}: moved by {np.abs(corrections[name]).mean():.4f}")
    return Quantization(ranges, corrections, digest)


def find_ranges(graph: bytes, pictures_NHWC: RGB) -> dict[str, tuple[float, float]]:
    """Least and largest value that each layer of the float32 graph gives, 0 at least within."""
    names = [*_convolutions(), *_sums()]
    low, high = dict.fromkeys(names, 0.0), dict.fromkeys(names, 0.0)
    for arrays in _tensors(graph, names, pictures_NHWC):
        for name, x_NCHW in zip(names, arrays, strict=True):
            low[name] = min(low[name], float(x_NCHW.min()))
            high[name] = max(high[name], float(x_NCHW.max()))
    return {name: (low[name], high[name]) for name in names}


def mean_activations(graph: bytes, names: Sequence[str], pictures_NHWC: RGB) -> dict[str, npt.NDArray[np.float64]]:
    """Mean (C,) of each named tensor inside a graph, over pictures and places."""
    sums_C = [np.zeros(()) for _ in names]
    for arrays in _tensors(graph, names, pictures_NHWC):
        sums_C = [total_C + x.mean((2, 3), dtype=np.float64).sum(0) for total_C, x in zip(sums_C, arrays, strict=True)]
    return {name: total_C / len(pictures_NHWC) for name, total_C in zip(names, sums_C, strict=True)}


def _convolutions() -> list[str]:
    """Names of all layers with a convolution, from the input on."""
    table = enumerate(list_blocks())
    inner = [f"blocks.{i}.{part}" for i, block in table for part in ("expand", "depthwise", "project")[not block.has_expansion :]]
    return ["stem", *inner, "top"]


def _sums() -> list[str]:
    return [f"blocks.{index}" for index, block in enumerate(list_blocks()) if block.has_residual]


def _tensors(graph: bytes, names: Sequence[str], pictures_NHWC: RGB) -> Iterator[list[Float]]:
    """The named tensors (N, C, H, W), for one batch after the other. What they do not need is not
    computed."""
    model = onnx.load_from_string(graph)
    del model.graph.output[:]
    model.graph.output.extend(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in names)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    for start in range(0, len(pictures_NHWC), BATCH):
        yield session.run(list(names), {INPUT: pictures_NHWC[start : start + BATCH]})
