"""How well questions in other languages find what they mean, beside English and two trivial baselines."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mm.models.language_router import words_of

Float = npt.NDArray[np.float32]
Embed = Callable[[Sequence[str]], Float]

_DRAWS = 1000


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table: shares in percent, `interval` the 95 % bootstrap interval of R@5."""

    language: str
    tower: str
    questions: int
    r1: float
    r5: float
    r10: float
    interval: tuple[float, float]


def ranks(questions: Float, answers: Float, right: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Rank from 0 of the answer `right[i]` for each question (N, D) among answers (M, D); of equals the right one is last."""
    scores = questions @ answers.T
    own = scores[np.arange(len(right)), right]
    return np.asarray((scores >= own[:, None]).sum(1) - 1, np.int64)


def row(language: str, tower: str, found: npt.NDArray[np.int64], seed: int = 0) -> Row:
    """A line from ranks. Questions are drawn anew 1,000 times for the interval."""
    hit = found < 5
    drawn = np.random.default_rng(seed).integers(0, len(hit), (_DRAWS, len(hit)))
    low, high = np.percentile(hit[drawn].mean(1) * 100, [2.5, 97.5])
    shares = [float((found < count).mean() * 100) for count in (1, 5, 10)]
    return Row(language, tower, len(found), shares[0], shares[1], shares[2], (float(low), float(high)))


def same_words(text: str, english: set[str]) -> str:
    """The words of a text that English has too: what copying finds."""
    return " ".join(word for word in words_of(text) if word in english)


def compare(
    questions: dict[str, list[tuple[str, int]]], answers: Float, towers: dict[str, Embed], english: set[str]
) -> list[Row]:
    """For each language its (text, right answer) through each tower, and through the first after copying."""
    rows = []
    first = next(iter(towers.values()))
    for language, asked in questions.items():
        texts, right = [text for text, _ in asked], np.array([answer for _, answer in asked], np.int64)
        for name, embed in towers.items():
            rows.append(row(language, name, ranks(embed(texts), answers, right)))
        if language != "en":
            copied = [same_words(text, english) for text in texts]
            rows.append(row(language, "same words", ranks(first(copied), answers, right)))
    return rows


def table(rows: Sequence[Row]) -> str:
    """Markdown."""
    lines = ["| language | tower | questions | R@1 | R@5 | 95 % | R@10 |", "| --- | --- | ---: | ---: | ---: | --- | ---: |"]
    for one in rows:
        low, high = one.interval
        shares = f"{one.r1:.1f} | {one.r5:.1f} | {low:.1f}-{high:.1f} | {one.r10:.1f}"
        lines.append(f"| {one.language} | {one.tower} | {one.questions:,} | {shares} |")
    return "\n".join(lines)


def vocabulary_of(texts: Sequence[str]) -> set[str]:
    """The words of English texts."""
    return {word for text in texts for word in words_of(text)}


def flickr8k_pictures(folder: Path, split: str) -> list[tuple[str, str]]:
    """(number of the photo, file name) of the pictures of a split."""
    from mm.training.languages_data import read_lines

    return [(one["image"].split("_")[0], one["image"]) for one in read_lines(folder / "captions.jsonl") if one["split"] == split]
