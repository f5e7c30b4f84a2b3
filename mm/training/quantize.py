"""Finds the ranges of an 8-bit image tower on training pictures, and corrects its biases; needs no torch.

Ranges are the least and largest activation seen. Then, layer by layer from the input, the bias is moved so that each channel has
the mean that it has in float32 when the layers before are already in 8 bits: Nagel et al. 2019, "Data-Free Quantization Through
Weight Equalization and Bias Correction" (arXiv:1906.04721), section 4.2, with means that are measured.
Names of arrays end in their axes: N pictures, H height, W width, C channels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime

from mm.media.types import RGB
from mm.models.efficientnet_lite import INPUT, blocks
from mm.models.efficientnet_lite_graph import Float, Weights, build_graph
from mm.models.efficientnet_lite_int8 import Quantization, build_quantized_graph

BATCH = 4
"""Pictures at once; all activations of as many are in memory."""

Told = Callable[[str], None]


def quantize(weights: Weights, digest: str, pictures_NHWC: RGB, told: Told = lambda line: None) -> Quantization:
    """Ranges and corrections for weights whose file has the hash `digest`, from pictures of the tower's size."""
    size = pictures_NHWC.shape[1]
    convolutions = _convolutions()
    reference = _Opened(build_graph(weights, size))
    ranges = _ranges(reference, [*convolutions, *_sums()], pictures_NHWC)
    told(f"ranges of {len(ranges)} layers")
    linear = {name: name if name.endswith(".project") else f"{name}.linear" for name in convolutions}
    wanted = _means(reference, list(linear.values()), pictures_NHWC, {})
    corrected = _Opened(_with_corrections(build_quantized_graph(weights, size, Quantization(ranges, {}, digest)), convolutions))
    corrections = {name: np.zeros(len(wanted[linear[name]]), np.float32) for name in convolutions}
    for name in convolutions:
        given = {f"{layer}.correction": shift_C[:, None, None] for layer, shift_C in corrections.items()}
        seen_C = _means(corrected, [f"{name}.linear"], pictures_NHWC, given)[f"{name}.linear"]
        corrections[name] = (wanted[linear[name]] - seen_C).astype(np.float32)
        told(f"{name}: moved by {np.abs(corrections[name]).mean():.4f}")
    return Quantization(ranges, corrections, digest)


def _convolutions() -> list[str]:
    """Names of all layers with a convolution, from the input on."""
    table = enumerate(blocks())
    inner = [f"blocks.{i}.{part}" for i, block in table for part in ("expand", "depthwise", "project")[not block.expands :]]
    return ["stem", *inner, "top"]


def _sums() -> list[str]:
    return [f"blocks.{index}" for index, block in enumerate(blocks()) if block.residual]


def _with_corrections(graph: bytes, names: Sequence[str]) -> bytes:
    """The quantized graph with an input `<layer>.correction` (C, 1, 1) that is added to what each convolution gives."""
    model = onnx.load_from_string(graph)
    nodes = list(model.graph.node)
    for name in names:
        linear, given, moved = f"{name}.linear", f"{name}.correction", f"{name}.moved"
        for node in nodes:
            node.input[:] = [moved if tensor == linear else tensor for tensor in node.input]
        at = next(index for index, node in enumerate(nodes) if linear in node.output)
        nodes.insert(at + 1, onnx.helper.make_node("Add", [linear, given], [moved]))
        model.graph.input.append(onnx.helper.make_tensor_value_info(given, onnx.TensorProto.FLOAT, [None, 1, 1]))
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    return bytes(model.SerializeToString())


def _ranges(graph: _Opened, names: Sequence[str], pictures_NHWC: RGB) -> dict[str, tuple[float, float]]:
    """Least and largest value of each tensor, 0 at least within."""
    low, high = dict.fromkeys(names, 0.0), dict.fromkeys(names, 0.0)
    for arrays in graph.tensors(names, pictures_NHWC, {}):
        for name, x_NCHW in zip(names, arrays, strict=True):
            low[name] = min(low[name], float(x_NCHW.min()))
            high[name] = max(high[name], float(x_NCHW.max()))
    return {name: (low[name], high[name]) for name in names}


def _means(
    graph: _Opened, names: Sequence[str], pictures_NHWC: RGB, given: Mapping[str, Float]
) -> dict[str, npt.NDArray[np.float64]]:
    """Mean (C,) of each tensor over pictures and places."""
    sums_C = [np.zeros(()) for _ in names]
    for arrays in graph.tensors(names, pictures_NHWC, given):
        sums_C = [total_C + x.mean((2, 3), dtype=np.float64).sum(0) for total_C, x in zip(sums_C, arrays, strict=True)]
    return {name: total_C / len(pictures_NHWC) for name, total_C in zip(names, sums_C, strict=True)}


class _Opened:
    """A graph whose every layer can be looked at."""

    def __init__(self, graph: bytes) -> None:
        model = onnx.load_from_string(graph)
        names = {*_convolutions(), *_sums(), *(f"{name}.linear" for name in _convolutions())}
        inside = [name for node in model.graph.node for name in node.output if name in names]
        del model.graph.output[:]
        model.graph.output.extend(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in inside)
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        options.enable_cpu_mem_arena = False
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])

    def tensors(self, names: Sequence[str], pictures_NHWC: RGB, given: Mapping[str, Float]) -> Iterator[list[Float]]:
        """The named tensors (N, C, H, W), for one batch after the other."""
        for start in range(0, len(pictures_NHWC), BATCH):
            inputs = {INPUT: pictures_NHWC[start : start + BATCH], **given}
            yield self._session.run(list(names), inputs)
