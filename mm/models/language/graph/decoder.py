"""The language model as ONNX graphs, built without torch; `reference.network` specifies it.

Names of tensors end in their axes: B sequences, S tokens of a chunk, D hidden size, R rows of
logits, M MoE layers, A experts and null experts.

Inputs of a step, which appends a chunk to each sequence of a batch:
    inputs_embeds         float32 (B, S, D)
    query_seqlens         int32 (B,), S for each sequence
    seqlens_k             int32 (B,), tokens in the cache after the step, minus 1
    total_sequence_length int32, the largest number of tokens after the step
    past_key_values.*     float32 (B, num_key_value_heads, capacity, head_dim)
    logit_rows            int64 (R,), indices into the B * S tokens
    expert_bias           float32 (B, 1, M * A), see `expert_bias`; only with experts
Outputs: `logits` float32 (R, vocab_size) and `present.*`, which may share memory with the inputs.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from pathlib import Path

import numpy as np
from onnx import TensorProto, helper

from mm.files import open_atomic, write_atomic
from mm.models.language.base_weights import EMBEDDING_BITS
from mm.models.language.config import LanguageConfig
from mm.models.language.graph.builder import MICROSOFT, GraphBuilder
from mm.models.language.graph.external_data import ExternalData
from mm.models.language.graph.mapped_experts import turn_experts_into_inputs
from mm.models.language.graph.moe import ROUTER_BIAS, add_experts, add_router
from mm.models.language.graph.names import (
    CHUNK_LENGTHS,
    CONFIG,
    EMBEDDINGS,
    EXPERT_BIAS,
    LAST_POSITIONS,
    LOGIT_ROWS,
    LOGITS,
    MAX_LENGTH,
    TOKENS,
    locate_files,
    locate_mapped,
    locate_tree,
    name_past,
    name_present,
)
from mm.models.language.graph.token_trees import write_over_trees
from mm.models.language.graph.weight_format import WeightFormat
from mm.models.language.quantization.blocks import BlockQuantized, Float, UInt8, quantize_blocks
from mm.models.language.quantization.rows import quantize_rows
from mm.models.language.reference.rotary import compute_rotations
from mm.models.language.weights import EMBEDDING, FINAL_NORM, Weights, check_weights, name_layer

QuantizedExperts = Mapping[str, tuple[BlockQuantized, BlockQuantized]]
"""Both matrices of the experts, as from `quantize_experts`, by layer (`model.layers.3.mlp`)."""


def write_graphs(
    folder: Path,
    key: str,
    weights: Weights,
    config: LanguageConfig,
    weight_format: WeightFormat,
    experts: QuantizedExperts | None = None,
    precise: Collection[str] = (),
) -> None:
    """Write the files of `locate_files` and `locate_tree`, and of `locate_mapped` for quantized
    experts.

    That of the decoder is the last: where it is, the others are.

    The key must name everything that determines the bytes. `experts` are those that INT4 does not
    round again, `precise` the names of matrices of the attention that INT4 rounds to 8 bits, since
    they are not on the grid of 4 bits. Raises `Corrupt` for weights of another model,
    `InvalidInput` for sizes that cannot be quantized.
    """
    check_weights(config, weights)
    decoder, embedding, data_file = locate_files(folder, key)
    folder.mkdir(parents=True, exist_ok=True)
    data = ExternalData(data_file.name)
    table = _Embeddings(weights, weight_format)
    lookup = table.build_lookup(data)
    graph = _Decoder(weights, config, table, data, experts or {}, precise).build_decoder()
    with open_atomic(data_file) as file:
        data.write(file)
    write_atomic(embedding, lookup)
    if (mapped := turn_experts_into_inputs(graph)) is not None:
        write_atomic(locate_mapped(folder, key), mapped)
    write_atomic(locate_tree(folder, key), write_over_trees(graph))
    write_atomic(decoder, graph)


class _Embeddings:
    """The token embeddings, which are also the output head: one matrix (V, D), stored once."""

    def __init__(self, weights: Weights, weight_format: WeightFormat) -> None:
        self.format = weight_format
        matrix: Float = np.ascontiguousarray(weights[EMBEDDING], np.float32)
        self.quantized = quantize_blocks(matrix, EMBEDDING_BITS) if weight_format.is_quantized else None
        self.matrix = matrix.astype(np.float16) if weight_format.precision == "fp16" else matrix

    def build_lookup(self, data: ExternalData) -> bytes:
        """A graph: `input_ids` int64 (B, S) -> `inputs_embeds` float32 (B, S, D)."""
        graph = GraphBuilder({}, self.format, data)
        if self.quantized is not None:
            attributes = {"bits": EMBEDDING_BITS, "block_size": self.quantized.block_size, "quantize_axis": 1, "gather_axis": 0}
            inputs = [graph.constant(_flatten(self.quantized)), TOKENS, graph.constant(self.quantized.scales)]
            graph.add("GatherBlockQuantized", inputs, output=EMBEDDINGS, domain=MICROSOFT, **attributes)
        else:
            rows = graph.add("Gather", [graph.constant(self.matrix), TOKENS])
            graph.add("Cast", [rows], output=EMBEDDINGS, to=TensorProto.FLOAT)
        tokens = helper.make_tensor_value_info(TOKENS, TensorProto.INT64, ["B", "S"])
        output = helper.make_tensor_value_info(EMBEDDINGS, TensorProto.FLOAT, ["B", "S", "D"])
        return graph.build("token_embedding", [tokens], [output], check=False)

    def add_head(self, graph: GraphBuilder, x_RD: str) -> str:
        """Logits (R, V)."""
        if self.quantized is not None and graph.format.is_by_row:
            return graph.multiply_rows(x_RD, quantize_rows(self.quantized.dequantize()))
        if self.quantized is not None:
            return graph.multiply(x_RD, self.quantized)
        matrix = graph.constant(self.matrix)
        if self.format.precision == "fp16":
            matrix = graph.add("Cast", [matrix], to=TensorProto.FLOAT)
        return graph.add("Gemm", [x_RD, matrix], transB=1)


class _Decoder(GraphBuilder):
    """The layers."""

    def __init__(
        self,
        weights: Weights,
        config: LanguageConfig,
        table: _Embeddings,
        data: ExternalData,
        experts: QuantizedExperts,
        precise: Collection[str],
    ) -> None:
        super().__init__(weights, table.format, data)
        self._config, self._table, self._experts, self._precise = config, table, experts, precise
        positions = np.arange(config.max_position_embeddings)
        self._rotations = [self.constant(part) for part in compute_rotations(positions, config.head_dim, config.rope_theta)]
        self._expert_biases_B1A = self._add_expert_biases() if config.num_moe_layers else []

    def build_decoder(self) -> bytes:
        config, epsilon = self._config, self._config.rms_norm_eps
        residual_BSD = EMBEDDINGS
        x_BSD = self.norm(EMBEDDINGS, self._norm_weight(0, "input_layernorm"), epsilon)
        for layer in range(config.num_hidden_layers):
            norm = self._norm_weight(layer, "post_attention_layernorm")
            residual_BSD, x_BSD = self.add_and_norm(residual_BSD, self._attend(x_BSD, layer), norm, epsilon)
            norm = self._norm_weight(layer + 1, "input_layernorm")
            residual_BSD, x_BSD = self.add_and_norm(residual_BSD, self._feed_forward(x_BSD, layer), norm, epsilon)
        x_TD = self.add("Reshape", [x_BSD, self.axes(-1, config.hidden_size)])
        self.add("Identity", [self._table.add_head(self, self.add("Gather", [x_TD, LOGIT_ROWS]))], output=LOGITS)
        return self._serialize()

    def _norm_weight(self, layer: int, name: str) -> Float:
        """The weight of a norm; after the last layer, that of the output."""
        is_last = layer == self._config.num_hidden_layers
        return self.weight(FINAL_NORM if is_last else f"{name_layer(layer)}{name}.weight")

    def _attend(self, x_BSD: str, layer: int) -> str:
        """Causal attention of the chunks to the cache, to which they are appended."""
        name = f"{name_layer(layer)}self_attn."
        query_key_value = self._project(x_BSD, *(f"{name}{part}_proj.weight" for part in "qkv"))
        inputs = [query_key_value, "", "", *name_past(layer), LAST_POSITIONS, MAX_LENGTH, *self._rotations]
        inputs += [""] * 7 + [CHUNK_LENGTHS]
        attended = f"attended{layer}"
        self.add_node(
            "GroupQueryAttention",
            inputs,
            [attended, *name_present(layer)],
            domain=MICROSOFT,
            num_heads=self._config.num_attention_heads,
            kv_num_heads=self._config.num_key_value_heads,
            do_rotary=1,
        )
        return self._project(attended, f"{name}o_proj.weight")

    def _project(self, x_BSD: str, *names: str) -> str:
        """The product with matrices joined along their rows."""
        matrix = np.concatenate([self.weight(name) for name in names])
        return self.linear(x_BSD, matrix, is_precise=any(name in self._precise for name in names))

    def _feed_forward(self, x_BSD: str, layer: int) -> str:
        """SwiGLU; in an MoE layer the shared experts and the routed ones."""
        name = f"{name_layer(layer)}mlp"
        if not self._config.is_moe_layer(layer):
            return self._swiglu(x_BSD, name)
        bias_B1A = self._expert_biases_B1A[layer - self._config.first_k_dense_replace]
        weights_TE = add_router(self, x_BSD, bias_B1A, name, self._config)
        routed_BSD = add_experts(self, x_BSD, weights_TE, name, self._config, self._experts.get(name))
        return self.add("Add", [self._swiglu(x_BSD, f"{name}.shared_experts"), routed_BSD])

    def _swiglu(self, x_BSD: str, name: str) -> str:
        gate_up = np.concatenate([self.weight(f"{name}.{part}_proj.weight") for part in ("gate", "up")])
        gate, up = self.split(self.linear(x_BSD, gate_up), 2)
        return self.linear(self.add("Mul", [self.silu(gate), up]), self.weight(f"{name}.down_proj.weight"))

    def _add_expert_biases(self) -> list[str]:
        """For each MoE layer the balancing bias plus that of the sequence, (B, 1, A)."""
        layers = filter(self._config.is_moe_layer, range(self._config.num_hidden_layers))
        balancing = np.concatenate([self.weight(f"{name_layer(layer)}mlp.{ROUTER_BIAS}") for layer in layers])
        return self.split(self.add("Add", [EXPERT_BIAS, self.constant(balancing)]), self._config.num_moe_layers)

    def _serialize(self) -> bytes:
        config = self._config
        cache = ["B", config.num_key_value_heads, "C", config.head_dim]
        inputs = [
            helper.make_tensor_value_info(EMBEDDINGS, TensorProto.FLOAT, ["B", "S", config.hidden_size]),
            helper.make_tensor_value_info(CHUNK_LENGTHS, TensorProto.INT32, ["B"]),
            helper.make_tensor_value_info(LAST_POSITIONS, TensorProto.INT32, ["B"]),
            helper.make_tensor_value_info(MAX_LENGTH, TensorProto.INT32, []),
            helper.make_tensor_value_info(LOGIT_ROWS, TensorProto.INT64, ["R"]),
        ]
        if config.num_moe_layers:
            shape = ["B", 1, config.num_moe_layers * config.num_routed]
            inputs.append(helper.make_tensor_value_info(EXPERT_BIAS, TensorProto.FLOAT, shape))
        outputs = [helper.make_tensor_value_info(LOGITS, TensorProto.FLOAT, ["R", config.vocab_size])]
        for layer in range(config.num_hidden_layers):
            inputs += [helper.make_tensor_value_info(name, TensorProto.FLOAT, cache) for name in name_past(layer)]
            outputs += [helper.make_tensor_value_info(name, TensorProto.FLOAT, cache) for name in name_present(layer)]
        metadata = {CONFIG: json.dumps(config.to_metadata())}
        return self.build("decoder", inputs, outputs, check=False, metadata=metadata)


def _flatten(matrix: BlockQuantized) -> UInt8:
    """The packed values (V, bytes of a row)."""
    return matrix.packed.reshape(matrix.num_rows, -1)
