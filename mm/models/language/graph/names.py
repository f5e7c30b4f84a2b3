"""Names of the inputs and outputs of the graphs, and of their files.

Imports neither onnx nor a runtime: the builder and the session share it. The names are those of
optimum (Hugging Face) and, for the lengths, those of `GroupQueryAttention` of ONNX Runtime.
"""

from __future__ import annotations

from pathlib import Path

TOKENS, EMBEDDINGS = "input_ids", "inputs_embeds"
LAST_POSITIONS, CHUNK_LENGTHS, MAX_LENGTH = "seqlens_k", "query_seqlens", "total_sequence_length"
EXPERT_BIAS = "expert_bias"
POSITIONS, ATTENTION_BIAS = "position_ids", "attention_bias"
QUERY_TOKENS, TOKEN_QUERIES = "query_tokens", "token_queries"
LOGIT_ROWS, LOGITS = "logit_rows", "logits"

CONFIG = "language_config"
"""Key of the metadata of the decoder: its `LanguageConfig` as JSON."""

BUILDER_VERSION = 7
"""Part of the names of cached graphs; increased when the builder gives other bytes."""


def name_past(layer: int) -> tuple[str, str]:
    """Inputs: keys and values of the cache before the step."""
    return f"past_key_values.{layer}.key", f"past_key_values.{layer}.value"


def name_present(layer: int) -> tuple[str, str]:
    """Outputs: keys and values of the cache after the step."""
    return f"present.{layer}.key", f"present.{layer}.value"


def locate_mapped(folder: Path, key: str) -> Path:
    """The graph of the decoder with experts as inputs, see `mapped_experts`."""
    return folder / f"{key}.mapped.onnx"


def locate_tree(folder: Path, key: str) -> Path:
    """The graph of the decoder over trees of tokens, see `token_trees`."""
    return folder / f"{key}.tree.onnx"


def locate_files(folder: Path, key: str) -> tuple[Path, Path, Path]:
    """The graph of the decoder, the graph of its token embeddings, and the weights of both."""
    return folder / f"{key}.onnx", folder / f"{key}.embedding.onnx", folder / f"{key}.weights"
