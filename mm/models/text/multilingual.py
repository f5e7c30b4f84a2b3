"""The text tower for languages other than English, and its combination with the English one.

multilingual-e5-small, adapted, and a map from its space into that of the library. One file holds
what training adds to the encoder's package: low-rank updates of its matrices, the map, and the
language router. The tower runs in float32.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mm.errors import Corrupt
from mm.models.text.e5.encoder import MAX_TOKENS, E5Encoder
from mm.models.text.language_detector import LanguageDetector, simplify
from mm.models.text.language_quality import LanguageQuality, WeakLanguage
from mm.models.text.language_router import LanguageRouter
from mm.models.text.minilm import DIMENSIONS
from mm.models.text.space_map import MAP, SpaceMap
from mm.models.text.weights_file import SCALE, dequantize, read_tensors
from mm.models.types import TextEmbedder

ROUTER, ROUTER_BIAS, ENGLISH, OTHER = "router.weight", "router.bias", "router.english", "router.other"
"""Tensors beside those of the network: the arguments of `LanguageRouter`."""
DETECTOR, DETECTOR_BIAS, DETECTED = "detector.weight", "detector.bias", "detector.codes"
"""Tensors of `LanguageDetector`; its codes are UTF-8, separated by spaces."""
_UNREADABLE = "The multilingual text tower cannot be read from"

Float = npt.NDArray[np.float32]


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

        Raises `Corrupt` when the weights cannot be read or belong to another file of the encoder,
        `Unavailable` when its package is not installed.
        """
        self.dim = DIMENSIONS
        try:
            self._map = SpaceMap(dequantize(read_tensors(weights, MAP)))
        except KeyError as error:
            raise Corrupt(f"{_UNREADABLE} {weights}: the tensor {error} is missing.") from error
        self._encoder = E5Encoder(graph_cache, weights, runtime, threads, prebuild)
        self._detector = read_detector(weights)

    def detect_language(self, text: str) -> dict[str, float]:
        """The probability of each language, by its code."""
        return self._detector.detect(self._encoder.words.embed([simplify(text)])[0])

    def embed(self, texts: Sequence[str]) -> Float:
        return self._map.apply(self._encoder.embed(texts))

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return self._encoder.count_tokens(texts)

    def truncation_limit(self, text: str) -> int | None:
        return MAX_TOKENS if self._encoder.is_truncated(text) else None

    def describe(self) -> str:
        return f"{self._encoder.describe()}, mapped into the space of MiniLM-L6"


class RoutedTextTower:
    """Encodes each text with the tower of its language; implements `mm.models.types.TextEmbedder`.

    Vectors of English texts are exactly those of the English tower.
    """

    def __init__(
        self, english: TextEmbedder, other: Callable[[], MultilingualTower], router: LanguageRouter, quality: LanguageQuality
    ) -> None:
        """`other` is called when the first text in another language is encoded."""
        self._english, self._other, self._router, self._quality = english, other, router, quality
        self.dim = english.dim

    def is_non_english(self, text: str) -> bool:
        """Whether a text is encoded by the other tower."""
        return self._router.is_non_english(text)

    def find_weak_language(self, text: str) -> WeakLanguage | None:
        """The language of a text that is not English, if queries in it are weak or untested."""
        return self._quality.find_weak(self._other().detect_language(text)) if self.is_non_english(text) else None

    def embed(self, texts: Sequence[str]) -> Float:
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
        return f"{self._english.describe()}; other languages: multilingual-e5-small, {MAX_TOKENS} tokens"

    def _group_by_tower(self, texts: Sequence[str]) -> list[tuple[TextEmbedder, list[int]]]:
        """The towers that are needed, each with the indices of its texts."""
        is_other = [self.is_non_english(text) for text in texts]
        english, other = ([row for row, flag in enumerate(is_other) if flag is which] for which in (False, True))
        groups = [(self._english, english)] if english else []
        return [*groups, (self._other(), other)] if other else groups


def read_detector(weights: Path) -> LanguageDetector:
    """Read the detector of a weights file. Raises `Corrupt` when the file cannot be read."""
    tensors = read_tensors(weights, "detector.")
    try:
        codes = bytes(tensors[DETECTED].astype(np.uint8)).decode().split()
        stored = dequantize({name: tensor for name, tensor in tensors.items() if name != DETECTED})
        return LanguageDetector(stored[DETECTOR], stored[DETECTOR_BIAS], codes)
    except (KeyError, UnicodeDecodeError) as error:
        raise Corrupt(f"{_UNREADABLE} {weights}: {error!r}.") from error


def read_router(weights: Path) -> LanguageRouter:
    """Read the router of a weights file. Raises `Corrupt` when the file cannot be read."""
    tensors = read_tensors(weights, "router.")
    try:
        weight = tensors[ROUTER].astype(np.float32) * tensors[ROUTER + SCALE].astype(np.float32)
        lists = [tensors[name].astype(np.uint32) for name in (ENGLISH, OTHER)]
        return LanguageRouter(weight, float(tensors[ROUTER_BIAS].astype(np.float32)[0]), *lists)
    except KeyError as error:
        raise Corrupt(f"{_UNREADABLE} {weights}: the tensor {error} is missing.") from error
