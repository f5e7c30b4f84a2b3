"""Runs the graphs of a decoder with ONNX Runtime on the CPU; keys and values stay in place.

Names of arrays end in their axes: B sequences, S tokens of a chunk, R rows of logits, D hidden
size, V vocabulary, M MoE layers, A experts and null experts.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime

from mm.errors import Corrupt, InvalidInput
from mm.models.language.config import LanguageConfig
from mm.models.language.graph.mapped_experts import Array, map_experts
from mm.models.language.graph.names import (
    ATTENTION_BIAS,
    CHUNK_LENGTHS,
    CONFIG,
    EMBEDDINGS,
    EXPERT_BIAS,
    LAST_POSITIONS,
    LOGIT_ROWS,
    LOGITS,
    MAX_LENGTH,
    POSITIONS,
    QUERY_TOKENS,
    TOKEN_QUERIES,
    TOKENS,
    locate_files,
    locate_mapped,
    locate_tree,
    name_past,
    name_present,
)

Float = npt.NDArray[np.float32]
Int = npt.NDArray[np.integer]

_BAD_GRAPH = (
    onnxruntime.capi.onnxruntime_pybind11_state.InvalidProtobuf,
    onnxruntime.capi.onnxruntime_pybind11_state.InvalidArgument,
    onnxruntime.capi.onnxruntime_pybind11_state.InvalidGraph,
    onnxruntime.capi.onnxruntime_pybind11_state.NoSuchFile,
    onnxruntime.capi.onnxruntime_pybind11_state.Fail,
    onnxruntime.capi.onnxruntime_pybind11_state.RuntimeException,
)


class OnnxDecoder:
    """The sessions of a decoder and of its token embeddings. Safe to use from several threads."""

    def __init__(
        self,
        folder: Path,
        key: str,
        threads: int = 1,
        *,
        are_experts_mapped: bool = False,
        is_over_trees: bool = False,
        is_read_ahead: bool = True,
    ) -> None:
        """Load the files that `decoder.write_graphs` wrote.

        Weights are copied to the layout of this processor. Mapped experts are used where they are
        in the file: loading is faster, steps are slower. A decoder over trees has `bind_rows` in
        place of `bind`. Idle threads do not spin. `is_read_ahead` asks the system to read the
        weights from the disk in large pieces, before they are needed. Raises `Corrupt` when a file
        is missing or ONNX Runtime refuses it.
        """
        assert not (are_experts_mapped and is_over_trees)
        decoder, embedding, data = locate_files(folder, key)
        decoder = locate_mapped(folder, key) if are_experts_mapped else decoder
        decoder = locate_tree(folder, key) if is_over_trees else decoder
        if is_read_ahead:
            _read_ahead(data)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        options.log_severity_level = 4  # errors are raised
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._decoder, self._embedding = (_load(path, options) for path in (decoder, embedding))
        metadata = self._decoder.get_modelmeta().custom_metadata_map
        self.config = _read_config(decoder, metadata)
        self._experts = _map_experts(metadata, data)

    def embed(self, tokens_BS: Int) -> Float:
        """Embeddings (B, S, D) of tokens."""
        embeddings: Float = self._embedding.run([EMBEDDINGS], {TOKENS: tokens_BS.astype(np.int64)})[0]
        return embeddings

    def bind(self, cache: Float) -> BoundDecoder:
        """The decoder over a cache, which another session may continue; see `BoundDecoder`."""
        return BoundDecoder(self._decoder, self.config, cache, self._experts)

    def bind_rows(self, cache: Float) -> BoundTreeDecoder:
        """The decoder over trees, for the rows of a cache; see `BoundTreeDecoder`."""
        return BoundTreeDecoder(self._decoder, self.config, cache)


class BoundDecoder:
    """A decoder whose session reads and writes the memory of a cache. Not safe to share.

    The cache is (layers, 2, B, key-value heads, capacity, head): keys, which are rotated, and
    values, contiguous for each layer and kind.
    """

    def __init__(
        self, session: onnxruntime.InferenceSession, config: LanguageConfig, cache: Float, experts: Mapping[str, Array]
    ) -> None:
        self._session, self._config, self._cache, self._experts = session, config, cache, experts
        self._binding = bind_cache(session, cache)
        for name, array in experts.items():
            self._binding.bind_input(name, "cpu", 0, array.dtype, array.shape, array.ctypes.data)

    def forward(
        self, embeddings_BSD: Float, lengths_B: Int, logit_rows_R: Int | None = None, expert_bias_BMA: Float | None = None
    ) -> Float:
        """Append a chunk to each sequence; logits (R, V) of tokens of the chunks.

        `lengths_B` are the tokens of the cache before the chunk. `logit_rows_R` are indices into
        the B * S tokens, by default the last of each chunk. Raises `InvalidInput` for other shapes,
        and when a chunk does not fit into the cache.
        """
        num_sequences, width = self._check(embeddings_BSD, lengths_B)
        after = (lengths_B + width).astype(np.int32)
        rows = np.arange(1, num_sequences + 1) * width - 1 if logit_rows_R is None else logit_rows_R
        inputs: dict[str, npt.NDArray[np.generic]] = {
            EMBEDDINGS: np.ascontiguousarray(embeddings_BSD, np.float32),
            CHUNK_LENGTHS: np.full(num_sequences, width, np.int32),
            LAST_POSITIONS: after - 1,
            MAX_LENGTH: np.array(after.max(), np.int32),
            LOGIT_ROWS: rows.astype(np.int64),
        }
        if size := self._config.num_moe_layers * self._config.num_routed:
            bias = np.zeros(num_sequences * size, np.float32) if expert_bias_BMA is None else expert_bias_BMA
            inputs[EXPERT_BIAS] = np.ascontiguousarray(bias, np.float32).reshape(num_sequences, 1, size)
        return run_bound(self._session, self._binding, inputs)

    def _check(self, embeddings_BSD: Float, lengths_B: Int) -> tuple[int, int]:
        num_sequences, capacity = self._cache.shape[2], self._cache.shape[4]
        shape = embeddings_BSD.shape
        if len(shape) != 3 or shape[::2] != (num_sequences, self._config.hidden_size) or not shape[1]:
            raise InvalidInput(
                f"The decoder takes embeddings of the shape ({num_sequences}, tokens, {self._config.hidden_size}), not {shape}."
            )
        if lengths_B.shape != (num_sequences,) or (lengths_B < 0).any() or (lengths_B + shape[1] > capacity).any():
            raise InvalidInput(f"A chunk of {shape[1]} tokens does not fit after {lengths_B} tokens into a cache of {capacity}.")
        return num_sequences, shape[1]


class BoundTreeDecoder:
    """A decoder over trees whose session reads and writes the memory of a cache, see `token_trees`.

    Not safe to share. The cache is that of `BoundDecoder`, with P rows; T tokens of a step are the
    first queries of their rows.
    """

    def __init__(self, session: onnxruntime.InferenceSession, config: LanguageConfig, cache: Float) -> None:
        self._session, self._config, self._cache = session, config, cache
        self._binding = bind_cache(session, cache)

    def forward(
        self,
        embeddings_TD: Float,
        counts_P: Int,
        lengths_P: Int,
        positions_T: Int,
        is_seen_TL: npt.NDArray[np.bool_],
        logit_rows_R: Int,
    ) -> Float:
        """Append `counts_P[p]` tokens to each row p after its `lengths_P[p]`; logits (R, V).

        The embeddings are in the order of the rows. `is_seen_TL` says which places of its row a
        token attends to; L is at least the largest count more than the largest length, and at most
        the capacity. Places after the last token of a row are overwritten.
        """
        num_queries, length = int(counts_P.max()), is_seen_TL.shape[1]
        number_T = np.arange(len(embeddings_TD)) - np.repeat(np.cumsum(counts_P) - counts_P, counts_P)
        row_T = np.repeat(np.arange(len(counts_P)), counts_P)
        assert int(lengths_P.max()) + num_queries <= length <= self._cache.shape[4]
        query_tokens = np.zeros((len(counts_P), num_queries), np.int64)
        positions = np.zeros_like(query_tokens)
        bias = np.zeros((len(counts_P), num_queries, length), np.float32)  # of padding: any finite numbers
        query_tokens[row_T, number_T] = np.arange(len(embeddings_TD))
        positions[row_T, number_T] = positions_T
        bias[row_T, number_T] = np.where(is_seen_TL, np.float32(0), np.float32(-np.inf))
        inputs: dict[str, npt.NDArray[np.generic]] = {
            EMBEDDINGS: np.ascontiguousarray(embeddings_TD[None], np.float32),
            CHUNK_LENGTHS: np.full(len(counts_P), num_queries, np.int32),
            LAST_POSITIONS: (lengths_P + num_queries - 1).astype(np.int32),
            MAX_LENGTH: np.array(length, np.int32),
            LOGIT_ROWS: logit_rows_R.astype(np.int64),
            QUERY_TOKENS: query_tokens,
            TOKEN_QUERIES: (row_T * num_queries + number_T).astype(np.int64),
            POSITIONS: positions,
            ATTENTION_BIAS: bias[:, None],
        }
        if size := self._config.num_moe_layers * self._config.num_routed:
            inputs[EXPERT_BIAS] = np.zeros((1, 1, size), np.float32)
        return run_bound(self._session, self._binding, inputs)


def allocate_cache(config: LanguageConfig, num_sequences: int, capacity: int) -> Float:
    """Zeros in the shape that `BoundDecoder` takes; the system commits pages when they are used.

    Raises `InvalidInput` for more tokens than the model has positions.
    """
    if not 0 < capacity <= config.max_position_embeddings:
        raise InvalidInput(f"The cache holds 1 to {config.max_position_embeddings} tokens, not {capacity}.")
    shape = (config.num_hidden_layers, 2, num_sequences, config.num_key_value_heads, capacity, config.head_dim)
    return np.zeros(shape, np.float32)


def bind_cache(session: onnxruntime.InferenceSession, cache: Float) -> onnxruntime.IOBinding:
    """Let a session read and write keys and values in place."""
    binding = session.io_binding()
    for layer, keys_values in enumerate(cache):
        for past, present, memory in zip(name_past(layer), name_present(layer), keys_values, strict=True):
            assert memory.flags.c_contiguous
            place = ("cpu", 0, np.float32, memory.shape, memory.ctypes.data)
            binding.bind_input(past, *place)
            binding.bind_output(present, *place)
    return binding


def run_bound(
    session: onnxruntime.InferenceSession, binding: onnxruntime.IOBinding, inputs: Mapping[str, npt.NDArray[np.generic]]
) -> Float:
    """The logits (R, V) of a step."""
    for name, array in inputs.items():
        binding.bind_cpu_input(name, array)
    binding.bind_output(LOGITS, "cpu")
    session.run_with_iobinding(binding)
    logits: Float = binding.get_outputs()[-1].numpy()
    return logits


def _read_ahead(path: Path) -> None:
    """Start to read a file into the page cache; a file that is missing is reported by the load.

    Pages that are read because the session touches its mapping come in pieces of some 100 KB.
    """
    if hasattr(os, "posix_fadvise"):
        with suppress(OSError), path.open("rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_WILLNEED)


def _read_config(path: Path, metadata: Mapping[str, str]) -> LanguageConfig:
    try:
        return LanguageConfig.from_metadata(json.loads(metadata[CONFIG]))
    except (KeyError, ValueError, TypeError, InvalidInput) as error:
        raise Corrupt(f"The graph {path.name} does not state the configuration of its model.") from error


def _map_experts(metadata: Mapping[str, str], data_file: Path) -> dict[str, Array]:
    try:
        return map_experts(metadata, data_file)
    except (OSError, ValueError) as error:
        raise Corrupt(f"The experts cannot be mapped from {data_file.name}: {error}.") from error


def _load(path: Path, options: onnxruntime.SessionOptions) -> onnxruntime.InferenceSession:
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except _BAD_GRAPH as error:
        raise Corrupt(f"ONNX Runtime cannot load the graph {path.name}: {error}.") from error
