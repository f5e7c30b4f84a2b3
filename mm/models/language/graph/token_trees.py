"""A decoder over trees of tokens: each token attends to its ancestors, whatever lies beside them.

A row of the cache holds all texts that continue a prompt: equal beginnings are stored and computed
once, and a text that branches off copies nothing. One call of the attention has all texts of a
prompt as queries. As the verification of SpecInfer (Miao et al. 2024, arXiv:2305.09781) does it.

The tokens of a step are in one sequence, so that no padding is computed except in the attention,
which takes P rows of up to Q queries. Inputs in addition to those of `decoder`, whose B is 1 for
the embeddings and P for the lengths and the cache:
    query_tokens    int64 (P, Q), for each query its token; padding may name any token
    token_queries   int64 (T,), for each token its query, row * Q + number
    position_ids    int64 (P, Q), number of ancestors
    attention_bias  float32 (P, 1, Q, length), 0 for ancestors and the token itself, else -inf
"""

from __future__ import annotations

import numpy as np

from mm.models.language.graph.names import (
    ATTENTION_BIAS,
    CHUNK_LENGTHS,
    LAST_POSITIONS,
    POSITIONS,
    QUERY_TOKENS,
    TOKEN_QUERIES,
)

_OPERATOR, _POSITION_PLACE, _BIAS_PLACE = "GroupQueryAttention", 9, 10


def write_over_trees(model: bytes) -> bytes:
    """The graph of a decoder with attention over trees. Imports onnx."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    proto = onnx.load_from_string(model)
    nodes = []
    for node in proto.graph.node:
        if node.op_type != _OPERATOR:
            nodes.append(node)
            continue
        tokens, attended = node.input[0], node.output[0]
        nodes.append(helper.make_node("Squeeze", [tokens, "tree.first"], [f"{tokens}.flat"]))
        nodes.append(helper.make_node("Gather", [f"{tokens}.flat", QUERY_TOKENS], [f"{tokens}.queries"], axis=0))
        node.input[0], node.input[_POSITION_PLACE], node.input[_BIAS_PLACE] = f"{tokens}.queries", POSITIONS, ATTENTION_BIAS
        node.output[0] = f"{attended}.queries"
        nodes.append(node)
        nodes.append(helper.make_node("Flatten", [f"{attended}.queries"], [f"{attended}.flat"], axis=2))
        nodes.append(helper.make_node("Gather", [f"{attended}.flat", TOKEN_QUERIES], [f"{attended}.tokens"], axis=0))
        nodes.append(helper.make_node("Unsqueeze", [f"{attended}.tokens", "tree.first"], [attended]))
    nodes = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
    del proto.graph.node[:]
    proto.graph.node.extend(nodes)
    proto.graph.initializer.append(numpy_helper.from_array(np.array([0], np.int64), "tree.first"))
    proto.graph.input.extend(
        [
            helper.make_tensor_value_info(QUERY_TOKENS, TensorProto.INT64, ["P", "Q"]),
            helper.make_tensor_value_info(TOKEN_QUERIES, TensorProto.INT64, ["T"]),
            helper.make_tensor_value_info(POSITIONS, TensorProto.INT64, ["P", "Q"]),
            helper.make_tensor_value_info(ATTENTION_BIAS, TensorProto.FLOAT, ["P", 1, "Q", "L"]),
        ]
    )
    for value in (*proto.graph.input, *proto.graph.output):
        if value.name in (CHUNK_LENGTHS, LAST_POSITIONS) or value.name.startswith(("past_key_values.", "present.")):
            value.type.tensor_type.shape.dim[0].dim_param = "P"
    return bytes(proto.SerializeToString())
