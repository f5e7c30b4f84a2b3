"""A BERT sentence encoder as an ONNX graph, built from its weights without torch.

BERT: Devlin et al. 2018 (arXiv:1810.04805), post-norm, exact GELU. The graph computes the same as
`BertModel` of transformers followed by the mean of the token vectors. Names of tensors end in their
axes: N texts, L tokens, D dimensions, H heads, K dimensions of a head, F dimensions of the
feed-forward layer.
"""

from __future__ import annotations

import math

import numpy as np
from onnx import TensorProto, helper

from mm.models.onnx_builder import OnnxBuilder, Weights
from mm.models.text.minilm import MASK, NORM_EPSILON, OUTPUT, TOKENS, WORDS

_WORD_EMBEDDINGS = "embeddings.word_embeddings.weight"
_MASKED = np.float32(-1e9)  # added to the attention scores of padding


def build_graph(weights: Weights, heads: int) -> bytes:
    """The serialised graph: `tokens`, `mask` int64 (N, L) -> `embedding` float32 (N, D), unit rows.

    `weights` are those of `BertModel` of transformers, and decide the number of layers. Without the
    embeddings of words, the graph has an input `words` float32 (N, L, D) in place of `tokens`.
    Raises `KeyError` when another weight is missing.
    """
    graph = _Builder(weights, heads)
    mask_NL = graph.add("Cast", [MASK], to=TensorProto.FLOAT)
    mask_bias_NL = graph.add("Mul", [graph.add("Sub", [graph.constant(np.float32(1)), mask_NL]), graph.constant(_MASKED)])
    mask_bias_N11L = graph.add("Unsqueeze", [mask_bias_NL, graph.axes(1, 2)])
    x_NLD = graph.embed()
    for layer in range(graph.layers):
        name = f"encoder.layer.{layer}"
        attended_NLD = graph.attention(x_NLD, mask_bias_N11L, f"{name}.attention")
        x_NLD = graph.norm(graph.add("Add", [x_NLD, attended_NLD]), f"{name}.attention.output.LayerNorm")
        wide_NLF = graph.gelu(graph.dense(x_NLD, f"{name}.intermediate.dense"))
        x_NLD = graph.norm(graph.add("Add", [x_NLD, graph.dense(wide_NLF, f"{name}.output.dense")]), f"{name}.output.LayerNorm")
    mask_NL1 = graph.add("Unsqueeze", [mask_NL, graph.axes(2)])
    # The sum stands for the mean: normalisation removes the factor.
    summed_ND = graph.add("ReduceSum", [graph.add("Mul", [x_NLD, mask_NL1]), graph.axes(1)], keepdims=0)
    graph.add("Div", [summed_ND, graph.add("ReduceL2", [summed_ND], axes=[1], keepdims=1)], output=OUTPUT)
    return graph.serialise()


class _Builder(OnnxBuilder):
    """Layers of BERT."""

    def __init__(self, weights: Weights, heads: int) -> None:
        super().__init__(weights)
        self._heads = heads
        self._dimensions = weights["embeddings.position_embeddings.weight"].shape[1]
        self._reads_words = _WORD_EMBEDDINGS not in weights
        self.layers = len({name.split(".")[2] for name in weights if name.startswith("encoder.layer.")})

    def axes(self, *axes: int) -> str:
        """Add axes, or a shape, as a constant."""
        return self.constant(np.array(axes, np.int64))

    def embed(self) -> str:
        """Sum of token, position and segment embedding (segment 0), then layer norm."""
        words_NLD = WORDS if self._reads_words else self.add("Gather", [self.constant(self.weight(_WORD_EMBEDDINGS)), TOKENS])
        positions = (
            self.weight("embeddings.position_embeddings.weight") + self.weight("embeddings.token_type_embeddings.weight")[0]
        )
        length = self.add("Slice", [self.add("Shape", [MASK]), self.axes(1), self.axes(2)])
        positions_LD = self.add("Slice", [self.constant(positions), self.axes(0), length, self.axes(0)])
        return self.norm(self.add("Add", [words_NLD, positions_LD]), "embeddings.LayerNorm")

    def attention(self, x_NLD: str, mask_bias_N11L: str, name: str) -> str:
        query_NHLK = self._split(self.dense(x_NLD, f"{name}.self.query"), [0, 2, 1, 3])
        key_NHKL = self._split(self.dense(x_NLD, f"{name}.self.key"), [0, 2, 3, 1])
        value_NHLK = self._split(self.dense(x_NLD, f"{name}.self.value"), [0, 2, 1, 3])
        scale = self.constant(np.float32(1 / math.sqrt(self._dimensions // self._heads)))
        scores_NHLL = self.add("Mul", [self.add("MatMul", [query_NHLK, key_NHKL]), scale])
        attention_NHLL = self.add("Softmax", [self.add("Add", [scores_NHLL, mask_bias_N11L])], axis=-1)
        mixed_NLHK = self.add("Transpose", [self.add("MatMul", [attention_NHLL, value_NHLK])], perm=[0, 2, 1, 3])
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
        """Exact GELU (arXiv:1606.08415), not the approximation by tanh."""
        erf = self.add("Erf", [self.add("Div", [x, self.constant(np.float32(math.sqrt(2)))])])
        doubled = self.add("Mul", [x, self.add("Add", [erf, self.constant(np.float32(1))])])
        return self.add("Mul", [doubled, self.constant(np.float32(0.5))])

    def serialise(self) -> bytes:
        mask = helper.make_tensor_value_info(MASK, TensorProto.INT64, ["N", "L"])
        words = helper.make_tensor_value_info(WORDS, TensorProto.FLOAT, ["N", "L", self._dimensions])
        tokens = helper.make_tensor_value_info(TOKENS, TensorProto.INT64, ["N", "L"])
        inputs = [words if self._reads_words else tokens, mask]
        embedding = helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["N", self._dimensions])
        return self.build("text_tower", inputs, [embedding], check=False)
