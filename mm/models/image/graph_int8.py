"""The image tower as an ONNX graph whose convolutions run in 8-bit integers.

Static quantization, Jacob et al. 2018 (arXiv:1712.05877): real = scale * (integer - zero point);
weights by channel, activations by tensor. The graph has pairs of QuantizeLinear and
DequantizeLinear, which ONNX Runtime and OpenVINO both turn into integer arithmetic. Projection and
normalisation stay in float32. Names of tensors end in their axes: N images, H height, W width, C
channels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from mm.errors import Corrupt
from mm.models.image.efficientnet_lite import INPUT, PIXEL_MEAN, PIXEL_SCALE
from mm.models.image.graph import GraphBuilder, assemble_graph
from mm.models.onnx_builder import Float, Weights

WEIGHT_LIMIT = 64
"""Largest magnitude of an integer weight. 255 * 64 * 2 fits into 16 bits, in which processors
without VNNI add two products; with 8 full bits they saturate and give other vectors."""

BIAS_LIMIT, MIN_SCALE = 2.0**30, 1e-12


@dataclass(frozen=True, slots=True, eq=False)
class Quantization:
    """The result of `mm train quantize` for one weights file."""

    ranges: Mapping[str, tuple[float, float]]
    """By layer: the range of activations that is represented, minimum and maximum."""
    corrections: Mapping[str, Float]
    """By layer: what is added to the bias (C,), so that rounding shifts no mean of a channel."""
    weights: str
    """Hash of the weights file."""

    def to_bytes(self) -> bytes:
        """The bytes of a safetensors file."""
        tensors = {f"{name}.range": np.array(span, np.float32) for name, span in self.ranges.items()}
        tensors |= {f"{name}.bias": np.asarray(bias_C, np.float32) for name, bias_C in self.corrections.items()}
        return bytes(save(tensors, {"weights": self.weights}))

    @classmethod
    def read(cls, path: Path) -> Quantization:
        """The opposite of `to_bytes`. Raises `Corrupt` when the file is missing or unreadable."""
        ranges: dict[str, tuple[float, float]] = {}
        corrections: dict[str, Float] = {}
        try:
            with safe_open(path, "numpy") as file:
                for key in file.keys():  # noqa: SIM118 (no mapping)
                    name, _, tensor_kind = key.rpartition(".")
                    tensor = file.get_tensor(key)
                    if tensor_kind == "range":
                        low, high = map(float, tensor)
                        ranges[name] = low, high
                    else:
                        corrections[name] = tensor
                return cls(ranges, corrections, (file.metadata() or {})["weights"])
        except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
            raise Corrupt(f"{path} does not hold the ranges of an 8-bit image tower: {error}.") from error


def build_quantized_graph(weights: Weights, size: int, quantization: Quantization, *, with_map: bool = False) -> bytes:
    """As `graph.build_graph`, with 8-bit convolutions.

    Raises `KeyError` also for a layer without a range.
    """
    return assemble_graph(_QuantizedBuilder(weights, quantization), size, with_map=with_map)


class _QuantizedBuilder(GraphBuilder):
    def __init__(self, weights: Weights, quantization: Quantization) -> None:
        super().__init__(weights)
        self._quantization = quantization
        self._scales: dict[str, np.float32] = {}  # by name of the activation

    def pixels(self) -> str:
        """The input: a pixel is its own quantized value."""
        integers_NCHW = self.add("Transpose", [INPUT], perm=[0, 3, 1, 2])
        return self._dequantize(integers_NCHW, np.float32(1 / PIXEL_SCALE), np.uint8(PIXEL_MEAN), "input")

    def layer(self, x: str, name: str, stride: int = 1, groups: int = 1, *, relu6: bool = True) -> str:
        """Convolution in integers. The range of the output, within 0 to 6, clips as ReLU6 does."""
        kernel, bias_C = self.fuse_batch_norm(name)
        bias_C = bias_C + self._quantization.corrections.get(name, np.float32(0))
        # A channel that is nearly all bias has a coarser scale, so that its bias fits into 32 bits.
        min_scale_C = np.maximum(np.abs(bias_C) / (self._scales[x] * BIAS_LIMIT), MIN_SCALE)
        scale_C = np.maximum(np.abs(kernel).max((1, 2, 3)) / WEIGHT_LIMIT, min_scale_C).astype(np.float32)
        integers = np.rint(kernel / scale_C[:, None, None, None]).astype(np.int8)
        bias_scale_C = scale_C * self._scales[x]
        bias_integers_C = np.rint(bias_C / bias_scale_C).astype(np.int32)
        inputs = [x, self._channelwise_constant(integers, scale_C), self._channelwise_constant(bias_integers_C, bias_scale_C)]
        linear = self.convolution(inputs, kernel.shape[-1], stride, groups, f"{name}.linear")
        return self._quantize(linear, name, 0.0 if relu6 else None)

    def add_residual(self, x: str, block_input: str, name: str) -> str:
        return self._quantize(self.add("Add", [x, block_input], f"{name}.linear"), name)

    def _quantize(self, x: str, name: str, minimum: float | None = None) -> str:
        """Quantize `x` to 256 values within the range of the layer, of which 0 is one."""
        low, high = self._quantization.ranges[name]
        low = min(low, 0.0) if minimum is None else minimum
        scale = np.float32(max(high - low, 1e-6) / 255)
        zero = np.uint8(np.clip(np.rint(-low / scale), 0, 255))
        integers = self.add("QuantizeLinear", [x, self.constant(scale), self.constant(zero)])
        return self._dequantize(integers, scale, zero, name)

    def _dequantize(self, integers: str, scale: np.float32, zero: np.uint8, name: str) -> str:
        self._scales[name] = scale
        return self.add("DequantizeLinear", [integers, self.constant(scale), self.constant(zero)], name)

    def _channelwise_constant(self, integers: np.ndarray, scale_C: Float) -> str:
        zeros_C = np.zeros(len(scale_C), integers.dtype)
        inputs = [self.constant(integers), self.constant(scale_C.astype(np.float32)), self.constant(zeros_C)]
        return self.add("DequantizeLinear", inputs, axis=0)
