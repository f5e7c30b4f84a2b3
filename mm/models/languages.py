"""Questions in other languages than English: a text tower of their own, and the router that finds them.

The tower has MiniLM's layers and an own vocabulary, learned by distillation (Reimers and Gurevych 2020, arXiv:2004.09813): a
sentence gets the vector that its English translation has. Weights are kept in 8 bits a row and run in float32.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open
from safetensors.numpy import load_file
from tokenizers import Tokenizer

from mm.errors import Corrupt
from mm.models.language_router import LanguageRouter
from mm.models.minilm import BUILDER_VERSION, DIMENSIONS, HEADS, OUTPUT
from mm.models.text import BATCH, padded
from mm.runtimes import cached_graph, exact, load_graph

WEIGHTS, TOKENIZER = "languages.safetensors", "languages.tokenizer.json"
MAX_TOKENS = 64
"""Tokens of a question that are read, the two at its ends included."""
SCALE, ROUTER, ROUTER_BIAS = ".scale", "router.weight", "router.bias"
"""Endings and names of tensors: steps of the rows of a matrix in 8 bits, and the router's."""

Tensors = Mapping[str, npt.NDArray[np.generic]]


class Texts(Protocol):
    """The part of a text tower that a question needs."""

    dim: int

    def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Unit rows (N, D)."""
        ...

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text that `embed` reads."""
        ...

    def describe(self) -> str:
        """One line for a person."""
        ...


class LanguageTower:
    """The tower for other languages. Safe to call from several threads."""

    def __init__(self, folder: Path, graph_cache: Path, runtime: str = "auto", threads: int = 0) -> None:
        """`folder` holds weights and tokenizer. Raises `Corrupt` when they cannot be read."""
        self.dim = DIMENSIONS
        self._runtime = exact(runtime)
        self._tokenizer = read_tokenizer(folder / TOKENIZER)
        self._graph = load_graph(language_graph(folder / WEIGHTS, graph_cache), self._runtime.name, threads)

    def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Unit rows (N, D)."""
        tokens = self._tokenize(texts)
        vectors = np.zeros((len(tokens), self.dim), np.float32)
        for start in range(0, len(tokens), BATCH):
            vectors[start : start + BATCH] = self._graph.run(padded(tokens[start : start + BATCH]))[OUTPUT]
        return vectors

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text that `embed` reads, the two at its ends included."""
        return [len(tokens) for tokens in self._tokenize(texts)]

    def describe(self) -> str:
        """One line for a person."""
        return f"MiniLM-L6 distilled into other languages, {MAX_TOKENS} tokens, {self._runtime.describe()}"

    def _tokenize(self, texts: Sequence[str]) -> list[list[int]]:
        clean = [text.encode("utf-8", "replace").decode("utf-8") for text in texts]  # as in `TextTower`
        return [encoding.ids for encoding in self._tokenizer.encode_batch(clean)]


class RoutedTexts:
    """Every text to the tower of its language: English to `english`, as if there were no other; the rest to `other`."""

    def __init__(self, english: Callable[[], Texts], other: Callable[[], Texts], router: LanguageRouter, dim: int) -> None:
        """The towers are asked for when the first text for them comes."""
        self._english, self._other, self._router = english, other, router
        self.dim = dim

    def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Unit rows (N, D). English rows come from one call with the English texts alone."""
        vectors = np.zeros((len(texts), self.dim), np.float32)
        for tower, rows in self._parted(texts):
            vectors[rows] = tower().embed([texts[row] for row in rows])
        return vectors

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text that `embed` reads."""
        counts = [0] * len(texts)
        for tower, rows in self._parted(texts):
            for row, count in zip(rows, tower().count_tokens([texts[row] for row in rows]), strict=True):
                counts[row] = count
        return counts

    def describe(self) -> str:
        """One line for a person."""
        return self._english().describe()

    def _parted(self, texts: Sequence[str]) -> list[tuple[Callable[[], Texts], list[int]]]:
        foreign = [self._router.is_foreign(text) for text in texts]
        parts = [(self._english, [row for row, other in enumerate(foreign) if not other])]
        parts.append((self._other, [row for row, other in enumerate(foreign) if other]))
        return [(tower, rows) for tower, rows in parts if rows]


def read_tokenizer(path: Path) -> Tokenizer:
    """Raises `Corrupt` when the file cannot be read."""
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises nothing narrower
        raise Corrupt(f"The tokenizer cannot be read from {path}: {error}.") from error
    tokenizer.no_padding()
    tokenizer.enable_truncation(MAX_TOKENS)
    return tokenizer


def read_router(path: Path) -> LanguageRouter:
    """The router alone, without the tower. Raises `Corrupt` when the file cannot be read."""
    try:
        with safe_open(str(path), "np") as file:
            weight = file.get_tensor(ROUTER).astype(np.float32) * file.get_tensor(ROUTER + SCALE).astype(np.float32)
            return LanguageRouter(weight, float(file.get_tensor(ROUTER_BIAS)[0]))
    except (OSError, SafetensorError) as error:
        raise Corrupt(f"The router of languages cannot be read from {path}: {error}.") from error


def language_graph(weights: Path, graph_cache: Path) -> Path:
    """Path of the graph, built if it is not there yet. Raises `Corrupt` when the weights cannot be read."""
    try:
        with weights.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()[:16]
    except OSError as error:
        raise Corrupt(f"The tower of other languages cannot be read from {weights}: {error.strerror}.") from error
    return cached_graph(graph_cache, f"languages-{digest}-{BUILDER_VERSION}", lambda: _build(weights))


def widened(tensors: Tensors) -> dict[str, npt.NDArray[np.float32]]:
    """Tensors as they run: matrices of 8 bits times the steps of their rows."""
    return {
        name: tensor.astype(np.float32) * tensors[name + SCALE].astype(np.float32)
        if name + SCALE in tensors
        else tensor.astype(np.float32)
        for name, tensor in tensors.items()
        if not name.endswith(SCALE) and not name.startswith("router.")
    }


def narrowed(tensors: Tensors) -> dict[str, npt.NDArray[np.generic]]:
    """Tensors as they are kept: matrices (R, C) as int8 with a step (R, 1) float32 a row, the rest in float32."""
    kept: dict[str, npt.NDArray[np.generic]] = {}
    for name, tensor in tensors.items():
        if tensor.ndim < 2:
            kept[name] = tensor.astype(np.float32)
            continue
        step = np.maximum(np.abs(tensor.astype(np.float32)).max(1, keepdims=True), 1e-12) / np.float32(127)
        kept[name] = np.rint(tensor / step).astype(np.int8)
        kept[name + SCALE] = step.astype(np.float32)
    return kept


def _build(weights: Path) -> bytes:
    from mm.models.minilm_graph import build_graph

    try:
        return build_graph(widened(load_file(weights)), HEADS)
    except (SafetensorError, KeyError) as error:
        raise Corrupt(f"The tower of other languages cannot be read from {weights}: {error}.") from error
