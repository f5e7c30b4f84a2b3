"""The operators of a decoder: products in the weight format, norms, SiLU.

Imports onnx, so it is imported only when a graph is written. Names of tensors end in their axes: B
sequences, S tokens of a chunk, K columns.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from onnx import TensorProto, helper, numpy_helper

from mm.models.language.graph.external_data import ExternalData
from mm.models.language.graph.weight_format import WeightFormat
from mm.models.language.quantization.blocks import BlockQuantized, Float, quantize_blocks
from mm.models.language.quantization.offsets import BLOCK, quantize_with_offsets
from mm.models.language.quantization.rows import LIMIT, MIN_MAGNITUDE, RowQuantized, quantize_rows
from mm.models.onnx_builder import OnnxBuilder, Weights

MICROSOFT = "com.microsoft"
"""Domain of the operators that only ONNX Runtime has (docs/ContribOperators.md)."""

ZERO_POINT = 128
"""Of inputs that are rounded by token: products of unsigned and signed integers are the fastest."""

EXTERNAL_BYTES = 1024
"""Constants of at least this size are stored in the data file."""


class GraphBuilder(OnnxBuilder):
    """A graph whose large constants are stored in a data file."""

    def __init__(self, weights: Weights, weight_format: WeightFormat, data: ExternalData) -> None:
        super().__init__(weights)
        self.format = weight_format
        self._data = data
        self._extended: dict[str, str] = {}  # by name of the tensor without the sums
        self._rounded: dict[str, tuple[str, str]] = {}  # by name of the tensor of tokens

    def constant(self, value: npt.NDArray[np.generic] | np.generic) -> str:
        array = np.asarray(value)
        name = f"constant{len(self._constants)}"
        is_external = array.nbytes >= EXTERNAL_BYTES
        self._constants.append(self._data.add(name, array) if is_external else numpy_helper.from_array(array, name))
        return name

    def axes(self, *axes: int) -> str:
        """Add axes, or a shape, as a constant."""
        return self.constant(np.array(axes, np.int64))

    def add_node(self, operator: str, inputs: list[str], outputs: list[str], **attributes: object) -> None:
        """Add an operator with several outputs; an empty name omits one."""
        self._nodes.append(helper.make_node(operator, inputs, outputs, **attributes))

    def add_microsoft(self, operator: str, inputs: list[str], **attributes: object) -> str:
        """Add an operator of ONNX Runtime."""
        output = f"{operator.lower()}{len(self._nodes)}"
        self.add_node(operator, inputs, [output], domain=MICROSOFT, **attributes)
        return output

    def norm(self, x: str, weight: Float, epsilon: float) -> str:
        """Root mean square normalisation (Zhang and Sennrich 2019, arXiv:1910.07467)."""
        return self.add("SimplifiedLayerNormalization", [x, self.constant(weight)], axis=-1, epsilon=epsilon)

    def add_and_norm(self, x: str, delta: str, weight: Float, epsilon: float) -> tuple[str, str]:
        """The sum of the residual stream and a layer, and its normalisation."""
        normed, total = (f"{kind}{len(self._nodes)}" for kind in ("normed", "residual"))
        inputs, outputs = [x, delta, self.constant(weight)], [normed, "", "", total]
        self.add_node("SkipSimplifiedLayerNormalization", inputs, outputs, domain=MICROSOFT, epsilon=epsilon)
        return total, normed

    def top_k(self, x: str, count: int) -> str:
        """Indices of the largest entries of each row."""
        values, indices = (f"{kind}{len(self._nodes)}" for kind in ("largest", "selected"))
        self.add_node("TopK", [x, self.axes(count)], [values, indices], axis=1, sorted=0)
        return indices

    def split(self, x: str, count: int) -> list[str]:
        """Equal parts of the last axis."""
        outputs = [f"part{len(self._nodes)}.{i}" for i in range(count)]
        self.add_node("Split", [x], outputs, axis=-1)
        return outputs

    def silu(self, x: str) -> str:
        """x * sigmoid(x)."""
        return self.add_microsoft("QuickGelu", [x], alpha=1.0)

    def linear(self, x_BSK: str, weight_NK: Float, *, is_precise: bool = False) -> str:
        """x @ weight.T in the format of the layers; a precise matrix has at least 8 bits."""
        if self.format.is_by_row:
            return self.multiply_rows(x_BSK, quantize_rows(self._round(weight_NK, is_precise)))
        if self.format.precision == "int4" and not is_precise:
            return self.multiply(self._extend(x_BSK, weight_NK.shape[1]), quantize_with_offsets(weight_NK).extended)
        if self.format.is_quantized:
            return self.multiply(x_BSK, quantize_blocks(weight_NK, 8))
        return self.add("MatMul", [x_BSK, self.stored(np.ascontiguousarray(weight_NK.T))])

    def stored(self, matrix: Float) -> str:
        """A float32 constant, stored in half precision if that is the format."""
        if self.format.precision != "fp16":
            return self.constant(matrix)
        return self.add("Cast", [self.constant(matrix.astype(np.float16))], to=TensorProto.FLOAT)

    def multiply(self, x: str, weight_NK: BlockQuantized) -> str:
        """x @ weight.T with a quantized matrix."""
        return self.add_microsoft(
            "MatMulNBits",
            [x, *self.constants(weight_NK)],
            N=weight_NK.num_rows,
            K=weight_NK.num_columns,
            bits=weight_NK.bits,
            block_size=weight_NK.block_size,
            accuracy_level=self.format.accuracy_level,
        )

    def constants(self, weight: BlockQuantized) -> list[str]:
        """Add the values, the scales and, if there are any, the zero points."""
        arrays = (weight.packed, weight.scales, weight.zero_points)
        return [self.constant(array) for array in arrays if array is not None]

    def _round(self, weight_NK: Float, is_precise: bool) -> Float:
        """The matrix that the format without scales by row multiplies with."""
        if self.format.precision == "int4" and not is_precise:
            return quantize_with_offsets(weight_NK).dequantize()
        return quantize_blocks(weight_NK, 8).dequantize()

    def multiply_rows(self, x_BSK: str, weight: RowQuantized) -> str:
        """x @ weight.T as `quantization.rows.multiply_rows`."""
        values, magnitudes_BS1 = self._round_tokens(x_BSK)
        matrix, one = self.constant(np.ascontiguousarray(weight.values.T)), self.constant(np.float32(1))
        scales = self.constant(weight.scales / np.float32(LIMIT))
        product = self.add_microsoft("MatMulIntegerToFloat", [values, matrix, one, scales, self.constant(np.uint8(ZERO_POINT))])
        return self.add("Mul", [product, magnitudes_BS1])

    def _round_tokens(self, x_BSK: str) -> tuple[str, str]:
        """Integers of 8 bits, 0 being `ZERO_POINT`, and the largest magnitude of each token."""
        if x_BSK not in self._rounded:
            largest = self.add("ReduceMax", [self.add("Abs", [x_BSK])], axes=[-1], keepdims=1)
            magnitudes_BS1 = self.add("Max", [largest, self.constant(np.float32(MIN_MAGNITUDE))])
            scaled = self.add("Mul", [x_BSK, self.add("Div", [self.constant(np.float32(LIMIT)), magnitudes_BS1])])
            scale, zero_point = self.constant(np.float32(1)), self.constant(np.uint8(ZERO_POINT))
            self._rounded[x_BSK] = self.add("QuantizeLinear", [scaled, scale, zero_point]), magnitudes_BS1
        return self._rounded[x_BSK]

    def _extend(self, x_BSK: str, num_columns: int) -> str:
        """The columns and their sums over blocks, as `quantization.offsets` requires."""
        if x_BSK not in self._extended:
            blocks = self.add("Reshape", [x_BSK, self.axes(0, 0, num_columns // BLOCK, BLOCK)])
            sums = self.add("ReduceSum", [blocks, self.axes(3)], keepdims=0)
            self._extended[x_BSK] = self.add("Concat", [x_BSK, sums], axis=2)
        return self._extended[x_BSK]
