"""Retrieval by queries in other languages, as they are served, beside English and two baselines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mm.data.captioned_images import load_captioned_images, read_captioned_images
from mm.data.translations import TRANSLATED, find_largest_languages, read_multi30k
from mm.data.tuxpaint import read_descriptions
from mm.errors import InvalidInput
from mm.evaluation.language_thresholds import FloorRow, format_floor_table, measure_floor
from mm.metrics.bootstrap import Interval, bootstrap
from mm.models.image.tower import ImageTower
from mm.models.text.language_detector import find_language
from mm.models.text.language_quality import LanguageQuality
from mm.models.text.language_router import split_words
from mm.models.text.multilingual import MultilingualTower, RoutedTextTower, read_router
from mm.models.text.tower import TextTower
from mm.models.types import TextEmbedder
from mm.spaces.lite_space import IMAGE_WEIGHTS
from mm.spaces.registry import WEIGHTS

Float = npt.NDArray[np.float32]
Queries = dict[str, list[tuple[str, int]]]
"""By language: the text of each query, and the row of its relevant item."""


NUM_LARGEST = 28
"""Languages of Tux Paint with the most descriptions, which are measured."""
LISTED = ("ar", "fi", "hi", "hu", "ja", "ko", "th", "tr", "vi", "zh_CN", "zh_TW")
"""Languages that are measured beside them: many people speak them."""


_MIN_DESCRIPTIONS = 100  # of a language whose quality is stored


@dataclass(frozen=True, slots=True)
class Sources:
    """Folders of the data sets."""

    multi30k: Path
    tuxpaint: Path | None = None
    flickr8k: Path | None = None
    space: Path = WEIGHTS / "lite"
    """Folder of the image tower and its calibration."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a table. Shares are from 0 to 1."""

    language: str
    num_queries: int
    sent: float
    """Share that the router sends to the multilingual tower."""
    at_1: float
    """R@1 as served: each query through the tower that the router chooses."""
    at_5: Interval
    at_10: float
    other: float
    """R@5 when all queries go to the multilingual tower."""
    english: float
    """R@5 when all queries go to the English tower."""
    copied: float
    """R@5 of the English tower on the words that also occur in English, without the others."""


@dataclass(frozen=True, slots=True)
class Tables:
    """Rows by a description of the task."""

    rows: dict[str, list[Row]]
    floor: list[FloorRow] = field(default_factory=list)
    """What the floor keeps and rejects, where images were searched."""

    def table(self) -> str:
        """Markdown tables. The columns after the interval are also R@5."""
        tables = [f"{of}:\n\n{_format_table(rows)}" for of, rows in self.rows.items()]
        return "\n\n".join(
            [*tables, f"The floor over those images:\n\n{format_floor_table(self.floor)}"] if self.floor else tables
        )

    def record(self) -> dict[str, list[dict[str, object]]]:
        """The tables as JSON."""
        return {of: [asdict(row) for row in rows] for of, rows in self.rows.items()} | {
            "floor": [asdict(row) for row in self.floor]
        }


def measure_quality(weights: Path, tuxpaint: Path, cache: Path) -> LanguageQuality:
    """R@1 of Tux Paint's dev in each language that the detector distinguishes, as served.

    Languages with fewer than 100 descriptions are left out; regions of a language count together.
    Raises as `evaluate`.
    """
    towers, texts = Towers(weights, cache, set()), read_descriptions(tuxpaint, "dev")
    english = list(dict.fromkeys(row["en"] for row in texts))
    places, queries = {text: place for place, text in enumerate(english)}, dict[str, list[tuple[str, int]]]()
    for row in texts:
        for name, text in row.items():
            if text and (language := find_language(name)) is not None and (name == "en" or not name.startswith("en")):
                queries.setdefault(language.code, []).append((text, places[row["en"]]))
    items = towers.english.embed(english)
    recalls = {}
    for code, of_language in sorted(queries.items()):
        if len(of_language) >= _MIN_DESCRIPTIONS:
            vectors, relevant = towers.embed_queries(of_language)
            recalls[code] = float((rank_relevant(vectors, items, relevant) < 1).mean())
    english_vectors = towers.english.embed([row["en"] for row in texts])
    own = np.array([places[row["en"]] for row in texts], np.int64)
    return LanguageQuality(float((rank_relevant(english_vectors, items, own) < 1).mean()), recalls)


def evaluate(weights: Path, sources: Sources, cache: Path) -> Tables:
    """Measure Multi30k val, Tux Paint dev in 28 languages, and images of Flickr8k dev.

    Raises `InvalidInput` for unreadable data, `Corrupt` for unreadable weights.
    """
    words = {word for row in read_multi30k(sources.multi30k, "train", set()) for word in split_words(row["en"])}
    towers = Towers(weights, cache, words)
    rows = {"Multi30k val, each sentence by its translation": _measure_sentences(towers, sources.multi30k)}
    if sources.tuxpaint is not None:
        rows["Tux Paint's dev, each English description by its translation"] = _measure_descriptions(towers, sources.tuxpaint)
    if sources.flickr8k is None:
        return Tables(rows)
    queries, images = _read_images(sources, sources.flickr8k, ImageTower(sources.space / IMAGE_WEIGHTS, cache))
    rows["Flickr8k's dev, images by the sentences of Multi30k"] = towers.measure(queries, images)
    embedded = {name: towers.embed_queries(of_language) for name, of_language in queries.items()}
    return Tables(rows, measure_floor(sources.space, embedded, images))


class Towers:
    """The text towers of a space, and a list of English words for the baseline."""

    def __init__(self, weights: Path, cache: Path, english: set[str]) -> None:
        """Raises `Corrupt` when the weights cannot be read."""
        self.english: TextEmbedder = TextTower(cache)
        self.other: TextEmbedder = (tower := MultilingualTower(weights, cache))
        self.router = read_router(weights)
        self.routed = RoutedTextTower(self.english, lambda: tower, self.router, LanguageQuality(0.0, {}))
        self.words = english

    def measure(self, queries: Queries, items_MD: Float) -> list[Row]:
        """Measure each language against items as unit rows (M, D)."""
        return [self._measure(language, of_language, items_MD) for language, of_language in queries.items()]

    def embed_queries(self, queries: list[tuple[str, int]]) -> tuple[Float, npt.NDArray[np.int64]]:
        """Vectors of queries (Q, D) as served, and the rows (Q,) of their relevant items."""
        return self.routed.embed([text for text, _ in queries]), np.array([row for _, row in queries], np.int64)

    def _measure(self, language: str, queries: list[tuple[str, int]], items_MD: Float) -> Row:
        texts = [text for text, _ in queries]
        vectors, relevant = self.embed_queries(queries)
        served = rank_relevant(vectors, items_MD, relevant)
        copied = [" ".join(word for word in split_words(text) if word in self.words) for text in texts]
        return Row(
            language,
            len(texts),
            float(np.mean([self.router.is_non_english(text) for text in texts])),
            float((served < 1).mean()),
            bootstrap(served < 5),
            float((served < 10).mean()),
            *(float((rank_relevant(other, items_MD, relevant) < 5).mean()) for other in self._embed_baselines(texts, copied)),
        )

    def _embed_baselines(self, texts: Sequence[str], copied: Sequence[str]) -> tuple[Float, Float, Float]:
        return self.other.embed(texts), self.english.embed(texts), self.english.embed(copied)


def _measure_sentences(towers: Towers, folder: Path) -> list[Row]:
    rows = read_multi30k(folder, "val", set())
    queries: Queries = {name: [(row[name], place) for place, row in enumerate(rows)] for name in ("en", *TRANSLATED)}
    return towers.measure(queries, towers.english.embed([row["en"] for row in rows]))


def _measure_descriptions(towers: Towers, folder: Path) -> list[Row]:
    texts = read_descriptions(folder, "dev")
    english = list(dict.fromkeys(row["en"] for row in texts))
    places = {text: place for place, text in enumerate(english)}
    largest = find_largest_languages([*read_descriptions(folder, "train"), *texts], NUM_LARGEST)
    languages = sorted({*largest, *(language for language in LISTED if any(language in row for row in texts))})
    queries: Queries = {name: [(row[name], places[row["en"]]) for row in texts if row.get(name)] for name in ("en", *languages)}
    return towers.measure(queries, towers.english.embed(english))


def _read_images(sources: Sources, folder: Path, image: ImageTower) -> tuple[Queries, Float]:
    images = read_captioned_images(folder, "dev")
    places = {f"{row.path.name.split('_')[0]}.jpg": place for place, row in enumerate(images)}
    rows = [row for split in ("train", "val") for row in read_multi30k(sources.multi30k, split, set()) if row["image"] in places]
    if not rows:
        raise InvalidInput(f"No sentence of {sources.multi30k} describes an image of the split dev of {folder}.")
    queries: Queries = {name: [(row[name], places[row["image"]]) for row in rows] for name in ("en", *TRANSLATED)}
    return queries, image.embed(list(load_captioned_images(images, image.size)))


def rank_relevant(queries_QD: Float, items_MD: Float, relevant_Q: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Rank (Q,), from 0, of the relevant item of each query; among equal scores it is the last."""
    scores = queries_QD @ items_MD.T
    own = scores[np.arange(len(relevant_Q)), relevant_Q]
    return np.asarray((scores >= own[:, None]).sum(1) - 1, np.int64)


def _format_table(rows: Sequence[Row]) -> str:
    lines = [
        "| language | queries | to the other tower | R@1 / 5 / 10 as served | R@5, 95 % | all to the other tower | all to "
        "the English tower | shared words alone |",
        "| --- | ---: | ---: | --- | --- | ---: | ---: | ---: |",
    ]
    for row in rows:
        served = " / ".join(f"{100 * recall:.1f}" for recall in (row.at_1, row.at_5.value, row.at_10))
        interval = f"{100 * row.at_5.low:.1f} to {100 * row.at_5.high:.1f}"
        others = " | ".join(f"{100 * recall:.1f}" for recall in (row.other, row.english, row.copied))
        lines.append(f"| {row.language} | {row.num_queries:,} | {100 * row.sent:.1f} | {served} | {interval} | {others} |")
    return "\n".join(lines)
