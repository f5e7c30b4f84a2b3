"""The text tower for languages other than English, and its combination with the English one.

The tower has the layers of MiniLM and its own vocabulary, trained by distillation (Reimers and
Gurevych 2020, arXiv:2004.09813): the vector of a sentence is that of its English translation. One
file holds the weights in 8 bits, the tokenizer and the language router; the tower runs in float32.
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
from mm.models.inputs import replace_surrogates
from mm.models.text.language_router import LanguageRouter
from mm.models.text.minilm import BUILDER_VERSION, DIMENSIONS, HEADS, OUTPUT
from mm.models.text.tower import BATCH, pad_tokens
from mm.models.types import TextEmbedder
from mm.runtimes import ensure_graph, find_float32_runtime, load_graph

MAX_TOKENS = 64
"""Longer texts are truncated to this number of tokens, the two special tokens included."""
SCALE = ".scale"
"""Suffix of the tensor that holds the scale of each row of an 8-bit matrix."""
TOKENIZER, ROUTER, ROUTER_BIAS, ENGLISH, OTHER = "tokenizer", "router.weight", "router.bias", "router.english", "router.other"
"""Tensors beside those of the network: the JSON of the tokenizer as bytes, and the arguments of
`LanguageRouter`."""

_NETWORK = ("embeddings.", "encoder.")  # prefixes of the tensors of the network
_UNREADABLE = "The multilingual text tower cannot be read from"

Tensors = Mapping[str, npt.NDArray[np.generic]]


class MultilingualTower:
    """The tower for other languages; implements `mm.models.types.TextEmbedder`.

    Safe to call from several threads.
    """

    def __init__(
        self,
        weights: Path,
        graph_cache: Path,
        runtime: str = "auto",
        threads: int = 0,
        prebuild: Callable[[], None] | None = None,
    ) -> None:
        """Build the graph on first use and cache it in `graph_cache`.

        For `prebuild` see `mm.runtimes.ensure_graph`.

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
    """Encodes each text with the tower of its language; implements `mm.models.types.TextEmbedder`.

    Vectors of English texts are exactly those of the English tower.
    """

    def __init__(self, english: TextEmbedder, other: Callable[[], TextEmbedder], router: LanguageRouter) -> None:
        """`other` is called when the first text in another language is encoded."""
        self._english, self._other, self._router = english, other, router
        self.dim = english.dim

    def is_non_english(self, text: str) -> bool:
        """Whether a text is encoded by the other tower."""
        return self._router.is_non_english(text)

    def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Unit rows (N, D). All English texts are encoded in one call, without the others."""
        vectors = np.zeros((len(texts), self.dim), np.float32)
        for tower, rows in self._group_by_tower(texts):
            vectors[rows] = tower.embed([texts[row] for row in rows])
        return vectors

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        counts = [0] * len(texts)
        for tower, rows in self._group_by_tower(texts):
            for row, count in zip(rows, tower.count_tokens([texts[row] for row in rows]), strict=True):
                counts[row] = count
        return counts

    def truncation_limit(self, text: str) -> int | None:
        return (self._other() if self.is_non_english(text) else self._english).truncation_limit(text)

    def describe(self) -> str:
        return f"{self._english.describe()}; other languages: MiniLM-L6 distilled, {MAX_TOKENS} tokens"

    def _group_by_tower(self, texts: Sequence[str]) -> list[tuple[TextEmbedder, list[int]]]:
        """The towers that are needed, each with the indices of its texts."""
        is_other = [self.is_non_english(text) for text in texts]
        english, other = ([row for row, flag in enumerate(is_other) if flag is which] for which in (False, True))
        groups = [(self._english, english)] if english else []
        return [*groups, (self._other(), other)] if other else groups


def load_tokenizer(tokenizer: npt.NDArray[np.generic], path: Path) -> Tokenizer:
    """A tokenizer from the bytes (N,) uint8 of its JSON, truncating to `MAX_TOKENS`.

    Raises `Corrupt`, which names `path`, when the library refuses it.
    """
    try:
        loaded = Tokenizer.from_buffer(tokenizer.tobytes())
    except Exception as error:  # the library raises nothing narrower
        raise Corrupt(f"The multilingual tokenizer cannot be read from {path}: {error}.") from error
    loaded.no_padding()
    loaded.enable_truncation(MAX_TOKENS)
    return loaded


def read_router(weights: Path) -> LanguageRouter:
    """Read the router of a weights file. Raises `Corrupt` when the file cannot be read."""
    tensors = _read(weights, (ROUTER, ROUTER + SCALE, ROUTER_BIAS, ENGLISH, OTHER))
    weight = tensors[ROUTER].astype(np.float32) * tensors[ROUTER + SCALE].astype(np.float32)
    lists = (tensors[name].astype(np.uint32) for name in (ENGLISH, OTHER))
    return LanguageRouter(weight, float(tensors[ROUTER_BIAS].astype(np.float32)[0]), *lists)


def ensure_multilingual_graph(weights: Path, graph_cache: Path, prebuild: Callable[[], None] | None = None) -> Path:
    """Path of the ONNX graph, built if it is not cached.

    Raises `Corrupt` when the weights cannot be read.
    """
    try:
        digest = hash_file(weights, digits=16)
    except OSError as error:
        raise Corrupt(f"{_UNREADABLE} {weights}: {error.strerror}.") from error
    return ensure_graph(graph_cache, f"languages-{digest}-{BUILDER_VERSION}", lambda: _build(weights), prebuild)


def dequantize(tensors: Tensors) -> dict[str, npt.NDArray[np.float32]]:
    """The opposite of `quantize`: all tensors in float32."""
    return {
        name: tensor.astype(np.float32) * tensors[name + SCALE].astype(np.float32)
        if name + SCALE in tensors
        else tensor.astype(np.float32)
        for name, tensor in tensors.items()
        if not name.endswith(SCALE)
    }


def quantize(tensors: Tensors) -> dict[str, npt.NDArray[np.generic]]:
    """The tensors of a weights file: matrices (R, C) as int8 with a scale (R, 1) for each row.

    Other tensors are stored in float32.
    """
    stored: dict[str, npt.NDArray[np.generic]] = {}
    for name, tensor in tensors.items():
        if tensor.ndim < 2:
            stored[name] = tensor.astype(np.float32)
            continue
        scale = np.maximum(np.abs(tensor.astype(np.float32)).max(1, keepdims=True), 1e-12) / np.float32(127)
        stored[name] = np.rint(tensor / scale).astype(np.int8)
        stored[name + SCALE] = scale.astype(np.float32)
    return stored


def _build(weights: Path) -> bytes:
    from mm.models.text.graph import build_graph

    try:
        return build_graph(dequantize(_read(weights)), HEADS)
    except KeyError as error:
        raise Corrupt(f"{_UNREADABLE} {weights}: the tensor {error} is missing.") from error


def _read(weights: Path, names: Sequence[str] | None = None) -> dict[str, npt.NDArray[np.generic]]:
    """The tensors with these names, by default those of the network. Raises `Corrupt`."""
    try:
        with safe_open(str(weights), "np") as file:
            selected = names or [name for name in file.keys() if name.startswith(_NETWORK)]  # noqa: SIM118
            return {name: file.get_tensor(name) for name in selected}
    except (OSError, SafetensorError) as error:
        raise Corrupt(f"{_UNREADABLE} {weights}: {error}.") from error
