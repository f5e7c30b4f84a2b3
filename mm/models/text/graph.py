"""A BERT sentence encoder as an ONNX graph, built from its weights without torch.

BERT: Devlin et al. 2018 (arXiv:1810.04805), post-norm, exact GELU. Twin of transformers'
`BertModel` with the mean of the token vectors, to which a test holds it equal. Names of tensors end
in their axes: N texts, L tokens, D dimensions, H heads, K dimensions of a head, F dimensions of the
feed-forward layer.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from mm.models.text.minilm import MASK, NORM_EPSILON, OUTPUT, TOKENS

_OPSET, _IR_VERSION = 17, 8
_FAR_BELOW = np.float32(-1e9)  # added to the score of a token that is padding

Float = npt.NDArray[np.float32]
Weights = Mapping[str, npt.NDArray[np.generic]]


def build_graph(weights: Weights, heads: int) -> bytes:
    """Serialised graph: `tokens`, `mask` int64 (N, L) -> `embedding` float32 (N, D), rows of length
    1.

    `weights` are those of transformers' `BertModel`; layers are counted in them. Raises `KeyError`
    when one is missing.
    """
    graph = _Builder(weights, heads)
    mask_NL = graph.add("Cast", [MASK], to=TensorProto.FLOAT)
    ignored_NL = graph.add("Mul", [graph.add("Sub", [graph.constant(np.float32(1)), mask_NL]), graph.constant(_FAR_BELOW)])
    ignored_N11L = graph.add("Unsqueeze", [ignored_NL, graph.axes(1, 2)])
    x_NLD = graph.embedded()
    for layer in range(graph.layers):
        name = f"encoder.layer.{layer}"
        attended_NLD = graph.attention(x_NLD, ignored_N11L, f"{name}.attention")
        x_NLD = graph.norm(graph.add("Add", [x_NLD, attended_NLD]), f"{name}.attention.output.LayerNorm")
        wide_NLF = graph.gelu(graph.dense(x_NLD, f"{name}.intermediate.dense"))
        x_NLD = graph.norm(graph.add("Add", [x_NLD, graph.dense(wide_NLF, f"{name}.output.dense")]), f"{name}.output.LayerNorm")
    mask_NL1 = graph.add("Unsqueeze", [mask_NL, graph.axes(2)])
    # The sum instead of the mean: only the direction is kept.
    summed_ND = graph.add("ReduceSum", [graph.add("Mul", [x_NLD, mask_NL1]), graph.axes(1)], keepdims=0)
    graph.add("Div", [summed_ND, graph.add("ReduceL2", [summed_ND], axes=[1], keepdims=1)], output=OUTPUT)
    return graph.serialise()


class _Builder:
    """Collects nodes and constants; every method returns the name of the tensor it made."""

    def __init__(self, weights: Weights, heads: int) -> None:
        self._weights = weights
        self._heads = heads
        self._dimensions = weights["embeddings.word_embeddings.weight"].shape[1]
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []
        self.layers = len({name.split(".")[2] for name in weights if name.startswith("encoder.layer.")})

    def weight(self, name: str) -> Float:
        return self._weights[name].astype(np.float32)

    def constant(self, value: npt.NDArray[np.generic] | np.generic) -> str:
        name = f"constant{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def axes(self, *axes: int) -> str:
        return self.constant(np.array(axes, np.int64))

    def add(self, operator: str, inputs: list[str], output: str = "", **attributes: object) -> str:
        output = output or f"{operator.lower()}{len(self._nodes)}"
        self._nodes.append(helper.make_node(operator, inputs, [output], **attributes))
        return output

    def embedded(self) -> str:
        """Sum of the vectors of token, position and segment (always the first), normalised."""
        words_NLD = self.add("Gather", [self.constant(self.weight("embeddings.word_embeddings.weight")), TOKENS])
        places = self.weight("embeddings.position_embeddings.weight") + self.weight("embeddings.token_type_embeddings.weight")[0]
        length = self.add("Slice", [self.add("Shape", [TOKENS]), self.axes(1), self.axes(2)])
        places_LD = self.add("Slice", [self.constant(places), self.axes(0), length, self.axes(0)])
        return self.norm(self.add("Add", [words_NLD, places_LD]), "embeddings.LayerNorm")

    def attention(self, x_NLD: str, ignored_N11L: str, name: str) -> str:
        query_NHLK = self._split(self.dense(x_NLD, f"{name}.self.query"), [0, 2, 1, 3])
        key_NHKL = self._split(self.dense(x_NLD, f"{name}.self.key"), [0, 2, 3, 1])
        value_NHLK = self._split(self.dense(x_NLD, f"{name}.self.value"), [0, 2, 1, 3])
        scale = self.constant(np.float32(1 / math.sqrt(self._dimensions // self._heads)))
        scores_NHLL = self.add("Mul", [self.add("MatMul", [query_NHLK, key_NHKL]), scale])
        shares_NHLL = self.add("Softmax", [self.add("Add", [scores_NHLL, ignored_N11L])], axis=-1)
        mixed_NLHK = self.add("Transpose", [self.add("MatMul", [shares_NHLL, value_NHLK])], perm=[0, 2, 1, 3])
        mixed_NLD = self.add("Reshape", [mixed_NLHK, self.axes(0, 0, self._dimensions)])
        return self.dense(mixed_NLD, f"{name}.output.dense")

    def _split(self, x_NLD: str, order: list[int]) -> str:
        shape = self.axes(0, 0, self._heads, self._dimensions // self._heads)
        return self.add("Transpose", [self.add("Reshape", [x_NLD, shape])], perm=order)

    def dense(self, x: str, name: str) -> str:
        product = self.add("MatMul", [x, self.constant(np.ascontiguousarray(self.weight(f"{name}.weight").T))])
        return self.add("Add", [product, self.constant(self.weight(f"{name}.bias"))])

    def norm(self, x: str, name: str) -> str:
        inputs = [x, self.constant(self.weight(f"{name}.weight")), self.constant(self.weight(f"{name}.bias"))]
        return self.add("LayerNormalization", inputs, axis=-1, epsilon=NORM_EPSILON)

    def gelu(self, x: str) -> str:
        """x times the normal distribution's share below x (arXiv:1606.08415), not its approximation
        by tanh."""
        error = self.add("Erf", [self.add("Div", [x, self.constant(np.float32(math.sqrt(2)))])])
        doubled = self.add("Mul", [x, self.add("Add", [error, self.constant(np.float32(1))])])
        return self.add("Mul", [doubled, self.constant(np.float32(0.5))])

    def serialise(self) -> bytes:
        inputs = [helper.make_tensor_value_info(name, TensorProto.INT64, ["N", "L"]) for name in (TOKENS, MASK)]
        embedding = helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["N", self._dimensions])
        graph = helper.make_graph(self._nodes, "text_tower", inputs, [embedding], self._constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR_VERSION)
        return bytes(model.SerializeToString())
