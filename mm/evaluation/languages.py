"""How well questions in other languages find what they mean, as they are served, beside English and
two trivial baselines."""

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
from mm.evaluation.language_thresholds import FloorRow, floor_rows, floor_table
from mm.metrics.bootstrap import Interval, bootstrap
from mm.models.image.tower import ImageTower
from mm.models.text.language_router import split_words
from mm.models.text.multilingual import MultilingualTower, RoutedTextTower, read_router
from mm.models.text.tower import TextTower
from mm.models.types import TextEmbedder
from mm.spaces.lite_space import IMAGE_WEIGHTS
from mm.spaces.registry import WEIGHTS

Float = npt.NDArray[np.float32]
Asked = dict[str, list[tuple[str, int]]]
"""Questions by language: each a text and the row of its right answer."""


@dataclass(frozen=True, slots=True)
class Sources:
    """Where texts and pictures lie."""

    multi30k: Path
    tuxpaint: Path | None = None
    flickr8k: Path | None = None
    space: Path = WEIGHTS / "lite"
    """Folder of the image tower, and of the calibration that was fitted to it."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table. Shares are from 0 to 1."""

    language: str
    questions: int
    sent: float
    """Share that the router sends to the tower of other languages."""
    at_1: float
    """R@1 as it is served: each question through the tower that the router takes."""
    at_5: Interval
    at_10: float
    other: float
    """R@5 when every question goes to the tower of other languages."""
    english: float
    """R@5 when every question goes to the English tower."""
    copied: float
    """R@5 of the English tower on the words that English has too, the others left out."""


@dataclass(frozen=True, slots=True)
class Tables:
    """Rows by what was asked for, in words."""

    rows: dict[str, list[Row]]
    floor: list[FloorRow] = field(default_factory=list)
    """Of the pictures, where they were asked for."""

    def table(self) -> str:
        """Markdown. The columns behind the interval are R@5 too."""
        tables = [f"{of}:\n\n{_table(rows)}" for of, rows in self.rows.items()]
        return "\n\n".join([*tables, f"The floor over those pictures:\n\n{floor_table(self.floor)}"] if self.floor else tables)

    def record(self) -> dict[str, list[dict[str, object]]]:
        """For JSON."""
        return {of: [asdict(row) for row in rows] for of, rows in self.rows.items()} | {
            "floor": [asdict(row) for row in self.floor]
        }


def evaluate(weights: Path, sources: Sources, cache: Path) -> Tables:
    """Multi30k val sentence to sentence, Tux Paint's dev in its 28 largest languages, and pictures
    of Flickr8k's dev.

    Raises `InvalidInput` for data that cannot be read, `Corrupt` for weights.
    """
    words = {word for row in read_multi30k(sources.multi30k, "train", set()) for word in split_words(row["en"])}
    towers = Towers(weights, cache, words)
    found = {"Multi30k val, each sentence by its translation": _sentences(towers, sources.multi30k)}
    if sources.tuxpaint is not None:
        found["Tux Paint's dev, each English description by its translation"] = _descriptions(towers, sources.tuxpaint)
    if sources.flickr8k is None:
        return Tables(found)
    asked, pictures = _pictures(sources, sources.flickr8k, ImageTower(sources.space / IMAGE_WEIGHTS, cache))
    found["Flickr8k's dev, pictures by the sentences of Multi30k"] = towers.rows(asked, pictures)
    return Tables(found, floor_rows(sources.space, {name: towers.asked(texts) for name, texts in asked.items()}, pictures))


class Towers:
    """The towers as a space has them, and the words of the English that they are compared on."""

    def __init__(self, weights: Path, cache: Path, english: set[str]) -> None:
        """Raises `Corrupt` when the weights cannot be read."""
        self.english: TextEmbedder = TextTower(cache)
        self.other: TextEmbedder = MultilingualTower(weights, cache)
        self.router = read_router(weights)
        self.routed = RoutedTextTower(self.english, lambda: self.other, self.router)
        self.words = english

    def rows(self, asked: Asked, answers: Float) -> list[Row]:
        """A line for each language; answers are unit rows (M, D)."""
        return [self._row(language, questions, answers) for language, questions in asked.items()]

    def asked(self, questions: list[tuple[str, int]]) -> tuple[Float, npt.NDArray[np.int64]]:
        """Questions as they are served (Q, D), and the rows of their right answers (Q,)."""
        return self.routed.embed([text for text, _ in questions]), np.array([row for _, row in questions], np.int64)

    def _row(self, language: str, questions: list[tuple[str, int]], answers: Float) -> Row:
        texts = [text for text, _ in questions]
        vectors, right = self.asked(questions)
        served = ranks(vectors, answers, right)
        copied = [" ".join(word for word in split_words(text) if word in self.words) for text in texts]
        return Row(
            language,
            len(texts),
            float(np.mean([self.router.is_non_english(text) for text in texts])),
            float((served < 1).mean()),
            bootstrap(served < 5),
            float((served < 10).mean()),
            *(float((ranks(found, answers, right) < 5).mean()) for found in self._others(texts, copied)),
        )

    def _others(self, texts: Sequence[str], copied: Sequence[str]) -> tuple[Float, Float, Float]:
        return self.other.embed(texts), self.english.embed(texts), self.english.embed(copied)


def _sentences(towers: Towers, folder: Path) -> list[Row]:
    rows = read_multi30k(folder, "val", set())
    asked: Asked = {name: [(row[name], place) for place, row in enumerate(rows)] for name in ("en", *TRANSLATED)}
    return towers.rows(asked, towers.english.embed([row["en"] for row in rows]))


def _descriptions(towers: Towers, folder: Path) -> list[Row]:
    texts = read_descriptions(folder, "dev")
    english = list(dict.fromkeys(row["en"] for row in texts))
    places = {text: place for place, text in enumerate(english)}
    languages = sorted(find_largest_languages([*read_descriptions(folder, "train"), *texts], 28))
    asked: Asked = {name: [(row[name], places[row["en"]]) for row in texts if row.get(name)] for name in ("en", *languages)}
    return towers.rows(asked, towers.english.embed(english))


def _pictures(sources: Sources, folder: Path, image: ImageTower) -> tuple[Asked, Float]:
    found = read_captioned_images(folder, "dev")
    places = {f"{row.path.name.split('_')[0]}.jpg": place for place, row in enumerate(found)}
    rows = [row for part in ("train", "val") for row in read_multi30k(sources.multi30k, part, set()) if row["image"] in places]
    if not rows:
        raise InvalidInput(f"No sentence of {sources.multi30k} describes a picture of the split dev of {folder}.")
    asked: Asked = {name: [(row[name], places[row["image"]]) for row in rows] for name in ("en", *TRANSLATED)}
    return asked, image.embed(list(load_captioned_images(found, image.size)))


def ranks(questions: Float, answers: Float, right: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Rank from 0 of the answer `right[i]` for each question (N, D) among answers (M, D); of equals
    the right one is last."""
    scores = questions @ answers.T
    own = scores[np.arange(len(right)), right]
    return np.asarray((scores >= own[:, None]).sum(1) - 1, np.int64)


def _table(rows: Sequence[Row]) -> str:
    lines = [
        "| language | questions | to the other tower | R@1 / 5 / 10 as served | R@5, 95 % | all to the other tower | all to "
        "the English tower | shared words alone |",
        "| --- | ---: | ---: | --- | --- | ---: | ---: | ---: |",
    ]
    for one in rows:
        served = " / ".join(f"{100 * recall:.1f}" for recall in (one.at_1, one.at_5.value, one.at_10))
        interval = f"{100 * one.at_5.low:.1f} to {100 * one.at_5.high:.1f}"
        others = " | ".join(f"{100 * recall:.1f}" for recall in (one.other, one.english, one.copied))
        lines.append(f"| {one.language} | {one.questions:,} | {100 * one.sent:.1f} | {served} | {interval} | {others} |")
    return "\n".join(lines)
