"""Questions in other languages than English: a text tower of their own, and the router that finds
them.

The tower has MiniLM's layers and an own vocabulary, learned by distillation (Reimers and Gurevych
2020, arXiv:2004.09813): a sentence gets the vector that its English translation has. One file holds
the tower's weights, in 8 bits a row, its tokenizer and the router; the tower runs in float32.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open
from tokenizers import Tokenizer

from mm.errors import Corrupt
from mm.files import hash_file
from mm.models.text.language_router import LanguageRouter
from mm.models.text.minilm import BUILDER_VERSION, DIMENSIONS, HEADS, OUTPUT
from mm.models.text.tower import BATCH, pad_tokens, replace_surrogates
from mm.models.types import TextEmbedder
from mm.runtimes import ensure_graph, find_float32_runtime, load_graph

MAX_TOKENS = 64
"""Tokens of a question that are read, the two at its ends included."""
SCALE = ".scale"
"""Ending of the tensor that holds the steps of the rows of a matrix in 8 bits."""
TOKENIZER, ROUTER, ROUTER_BIAS, ENGLISH, OTHER = "tokenizer", "router.weight", "router.bias", "router.english", "router.other"
"""Tensors beside those of the tower: the tokenizer's JSON as bytes, and what `LanguageRouter`
takes."""

_TOWER = ("embeddings.", "encoder.")  # what the names of its tensors begin with
_UNREADABLE = "The tower of other languages cannot be read from"

Tensors = Mapping[str, npt.NDArray[np.generic]]


class MultilingualTower:
    """The tower for other languages; see `mm.models.types.TextEmbedder`. Safe to call from several
    threads."""

    def __init__(
        self,
        weights: Path,
        graph_cache: Path,
        runtime: str = "auto",
        threads: int = 0,
        prebuild: Callable[[], None] | None = None,
    ) -> None:
        """The graph is built on first use and kept in `graph_cache`; of `prebuild` see
        `mm.runtimes.ensure_graph`.

        Raises `Corrupt` when the weights cannot be read.
        """
        self.dim = DIMENSIONS
        self._runtime = find_float32_runtime(runtime)
        self._tokenizer = load_tokenizer(_read(weights, (TOKENIZER,))[TOKENIZER], weights)
        self._graph = load_graph(ensure_multilingual_graph(weights, graph_cache, prebuild), self._runtime.name, threads)

    def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        tokens = self._tokenize(texts)
        vectors = np.zeros((len(tokens), self.dim), np.float32)
        for start in range(0, len(tokens), BATCH):
            vectors[start : start + BATCH] = self._graph.run(pad_tokens(tokens[start : start + BATCH]))[OUTPUT]
        return vectors

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(tokens) for tokens in self._tokenize(texts)]

    def truncation_limit(self, text: str) -> int | None:
        return MAX_TOKENS if self._tokenizer.encode_batch(replace_surrogates([text]))[0].overflowing else None

    def describe(self) -> str:
        return f"MiniLM-L6 distilled into other languages, {MAX_TOKENS} tokens, {self._runtime.describe()}"

    def _tokenize(self, texts: Sequence[str]) -> list[list[int]]:
        return [encoding.ids for encoding in self._tokenizer.encode_batch(replace_surrogates(texts))]


class RoutedTextTower:
    """Every text to the tower of its language: English to `english`, as if there were no other; the
    rest to `other`.

    See `mm.models.types.TextEmbedder`.
    """

    def __init__(self, english: TextEmbedder, other: Callable[[], TextEmbedder], router: LanguageRouter) -> None:
        """The other tower is asked for when the first text for it comes."""
        self._english, self._other, self._router = english, other, router
        self.dim = english.dim

    def is_non_english(self, text: str) -> bool:
        """Whether a text goes to the other tower."""
        return self._router.is_non_english(text)

    def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Unit rows (N, D). English rows come from one call with the English texts alone."""
        vectors = np.zeros((len(texts), self.dim), np.float32)
        for tower, rows in self._parted(texts):
            vectors[rows] = tower.embed([texts[row] for row in rows])
        return vectors

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        counts = [0] * len(texts)
        for tower, rows in self._parted(texts):
            for row, count in zip(rows, tower.count_tokens([texts[row] for row in rows]), strict=True):
                counts[row] = count
        return counts

    def truncation_limit(self, text: str) -> int | None:
        return (self._other() if self.is_non_english(text) else self._english).truncation_limit(text)

    def describe(self) -> str:
        return f"{self._english.describe()}; other languages: MiniLM-L6 distilled, {MAX_TOKENS} tokens"

    def _parted(self, texts: Sequence[str]) -> list[tuple[TextEmbedder, list[int]]]:
        foreign = [self.is_non_english(text) for text in texts]
        english, other = ([row for row, is_other in enumerate(foreign) if is_other is which] for which in (False, True))
        parts = [(self._english, english)] if english else []
        return [*parts, (self._other(), other)] if other else parts


def load_tokenizer(tokenizer: npt.NDArray[np.generic], path: Path) -> Tokenizer:
    """A tokenizer from its JSON as bytes (N,) uint8, that reads `MAX_TOKENS`. Raises `Corrupt`,
    which names the path."""
    try:
        found = Tokenizer.from_buffer(tokenizer.tobytes())
    except Exception as error:  # the library raises nothing narrower
        raise Corrupt(f"The tokenizer of other languages cannot be read from {path}: {error}.") from error
    found.no_padding()
    found.enable_truncation(MAX_TOKENS)
    return found


def read_router(weights: Path) -> LanguageRouter:
    """The router alone, without the tower. Raises `Corrupt` when the file cannot be read."""
    found = _read(weights, (ROUTER, ROUTER + SCALE, ROUTER_BIAS, ENGLISH, OTHER))
    weight = found[ROUTER].astype(np.float32) * found[ROUTER + SCALE].astype(np.float32)
    lists = (found[name].astype(np.uint32) for name in (ENGLISH, OTHER))
    return LanguageRouter(weight, float(found[ROUTER_BIAS].astype(np.float32)[0]), *lists)


def ensure_multilingual_graph(weights: Path, graph_cache: Path, prebuild: Callable[[], None] | None = None) -> Path:
    """Path of the graph, built if it is not there yet. Raises `Corrupt` when the weights cannot be
    read."""
    try:
        digest = hash_file(weights, digits=16)
    except OSError as error:
        raise Corrupt(f"{_UNREADABLE} {weights}: {error.strerror}.") from error
    return ensure_graph(graph_cache, f"languages-{digest}-{BUILDER_VERSION}", lambda: _build(weights), prebuild)


def dequantize(tensors: Tensors) -> dict[str, npt.NDArray[np.float32]]:
    """Tensors as they run: matrices of 8 bits times the steps of their rows."""
    return {
        name: tensor.astype(np.float32) * tensors[name + SCALE].astype(np.float32)
        if name + SCALE in tensors
        else tensor.astype(np.float32)
        for name, tensor in tensors.items()
        if not name.endswith(SCALE)
    }


def quantize(tensors: Tensors) -> dict[str, npt.NDArray[np.generic]]:
    """Tensors as they are kept: matrices (R, C) as int8 with a step (R, 1) float32 a row, the rest
    in float32."""
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
    from mm.models.text.graph import build_graph

    try:
        return build_graph(dequantize(_read(weights)), HEADS)
    except KeyError as error:
        raise Corrupt(f"{_UNREADABLE} {weights}: it lacks the tensor {error}.") from error


def _read(weights: Path, names: Sequence[str] | None = None) -> dict[str, npt.NDArray[np.generic]]:
    """Tensors by name; without names those of the tower. Raises `Corrupt`."""
    try:
        with safe_open(str(weights), "np") as file:
            wanted = names or [name for name in file.keys() if name.startswith(_TOWER)]  # noqa: SIM118  it is no dictionary
            return {name: file.get_tensor(name) for name in wanted}
    except (OSError, SafetensorError) as error:
        raise Corrupt(f"{_UNREADABLE} {weights}: {error}.") from error
