"""Calibrates the 8-bit image tower on images of train: activation ranges and bias corrections.

Ranges are the smallest and largest activations. Then, layer by layer from the input, the bias is
corrected so that each channel has its float32 mean while the previous layers are in 8 bits: Nagel
et al. 2019, "Data-Free Quantization Through Weight Equalization and Bias Correction"
(arXiv:1906.04721), section 4.2, with measured means. Needs no torch. Names of arrays end in their
axes: N images, H height, W width, C channels.
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
"""Images at once; all their activations are in memory."""

OnProgress = Callable[[str], None]
"""Called with a line of text."""


def calibrate_int8(weights: Weights, digest: str, images_NHWC: RGB, on_progress: OnProgress = lambda line: None) -> Quantization:
    """Calibrate weights, whose file has the hash `digest`, on images of the tower's size."""
    size = images_NHWC.shape[1]
    convolutions = _list_convolutions()
    reference = build_graph(weights, size)
    ranges = find_ranges(reference, images_NHWC)
    on_progress(f"ranges of {len(ranges)} layers")
    linear = {name: name if name.endswith(".project") else f"{name}.linear" for name in convolutions}
    reference_means = mean_activations(reference, list(linear.values()), images_NHWC)
    corrections: dict[str, Float] = {}
    for name in convolutions:
        graph = build_quantized_graph(weights, size, Quantization(ranges, corrections, digest))
        mean_C = mean_activations(graph, [f"{name}.linear"], images_NHWC)[f"{name}.linear"]
        corrections[name] = (reference_means[linear[name]] - mean_C).astype(np.float32)
        on_progress(f"{name}: bias corrected by {np.abs(corrections[name]).mean():.4f}")
    return Quantization(ranges, corrections, digest)


def find_ranges(graph: bytes, images_NHWC: RGB) -> dict[str, tuple[float, float]]:
    """Range of each layer's output in the float32 graph, extended to include 0."""
    names = [*_list_convolutions(), *_list_sums()]
    low, high = dict.fromkeys(names, 0.0), dict.fromkeys(names, 0.0)
    for arrays in _iterate_tensors(graph, names, images_NHWC):
        for name, x_NCHW in zip(names, arrays, strict=True):
            low[name] = min(low[name], float(x_NCHW.min()))
            high[name] = max(high[name], float(x_NCHW.max()))
    return {name: (low[name], high[name]) for name in names}


def mean_activations(graph: bytes, names: Sequence[str], images_NHWC: RGB) -> dict[str, npt.NDArray[np.float64]]:
    """Mean (C,) of each named tensor of a graph, over images and positions."""
    sums_C = [np.zeros(()) for _ in names]
    for arrays in _iterate_tensors(graph, names, images_NHWC):
        sums_C = [total_C + x.mean((2, 3), dtype=np.float64).sum(0) for total_C, x in zip(sums_C, arrays, strict=True)]
    return {name: total_C / len(images_NHWC) for name, total_C in zip(names, sums_C, strict=True)}


def _list_convolutions() -> list[str]:
    """Names of all convolution layers, from the input on."""
    table = enumerate(list_blocks())
    inner = [
        f"blocks.{i}.{layer}" for i, block in table for layer in ("expand", "depthwise", "project")[not block.has_expansion :]
    ]
    return ["stem", *inner, "top"]


def _list_sums() -> list[str]:
    return [f"blocks.{index}" for index, block in enumerate(list_blocks()) if block.has_residual]


def _iterate_tensors(graph: bytes, names: Sequence[str], images_NHWC: RGB) -> Iterator[list[Float]]:
    """The named tensors (N, C, H, W), batch by batch; other parts of the graph are not computed."""
    model = onnx.load_from_string(graph)
    del model.graph.output[:]
    model.graph.output.extend(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in names)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    for start in range(0, len(images_NHWC), BATCH):
        yield session.run(list(names), {INPUT: images_NHWC[start : start + BATCH]})
