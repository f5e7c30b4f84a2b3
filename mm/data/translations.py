"""Texts and their English, from Multi30k and Tux Paint, and the words that sentences have in
common."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mm.errors import InvalidInput
from mm.files import read_json_lines
from mm.models.text.language_router import split_words

TRANSLATED = ("de", "fr", "cs")
"""Languages that Multi30k translates into."""
_SEEN, _ALIKE = 5, 0.35  # times a word is seen; Dice coefficient of a word and its translation
_FLICKR_ID = re.compile(r"^\d+")


@dataclass(frozen=True, slots=True)
class Pairs:
    """Texts with their English. `english` holds each English text once; `pairs` are (language,
    text, row of `english`)."""

    english: list[str]
    pairs: list[tuple[str, str, int]]


def read_flickr_ids(lists: Iterable[Path]) -> set[str]:
    """The numbers that the file names of lists begin with. Raises `InvalidInput` for a list that
    cannot be read."""
    found = set()
    for path in lists:
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except OSError as error:
            raise InvalidInput(f"The list {path} cannot be read: {error.strerror}.") from error
        found |= {number.group() for line in lines if (number := _FLICKR_ID.match(line))}
    return found


def read_multi30k(folder: Path, part: str, left_out: set[str], task: int = 1) -> list[dict[str, Any]]:
    """Sentences of a part, in English and its translations, but of the pictures `left_out`; of task
    2, five a language.

    Raises `InvalidInput`.
    """
    rows = read_json_lines(folder / f"task{task}_{part}.jsonl")
    return [row for row in rows if row["image"].removesuffix(".jpg") not in left_out]


def read_descriptions(folder: Path | None, part: str) -> list[dict[str, str]]:
    """Descriptions of the pictures of a part, by language; none without a folder. Raises
    `InvalidInput`."""
    rows = [] if folder is None else read_json_lines(folder / "manifest.jsonl")
    return [row["text"] for row in rows if row["split"] == part and row["text"].get("en")]


def find_largest_languages(rows: Iterable[dict[str, str]], count: int) -> list[str]:
    """The languages with most descriptions, English left out; of equally large ones the first by
    code."""
    found = Counter(language for row in rows for language in row if not language.startswith("en"))
    return [language for language, _ in sorted(found.items(), key=lambda entry: (-entry[1], entry[0]))[:count]]


def build_dictionary(pairs: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Words with the English word that stands in the same sentences, from sentences (foreign,
    English): those most alike."""
    foreign: Counter[str] = Counter()
    english: Counter[str] = Counter()
    together: Counter[tuple[str, str]] = Counter()
    for other, ours in pairs:
        left, right = set(split_words(other)), set(split_words(ours))
        foreign.update(left)
        english.update(right)
        together.update((a, b) for a in left for b in right)
    best: dict[str, tuple[float, str]] = {}
    for (a, b), count in together.items():
        alike = 2 * count / (foreign[a] + english[b])
        if foreign[a] >= _SEEN and alike >= _ALIKE:
            best[a] = max(best.get(a, (0.0, "")), (alike, b))
    return [(a, b) for a, (_, b) in sorted(best.items())]


def build_training_pairs(sentences: list[dict[str, str]], described: list[dict[str, str]], languages: Sequence[str]) -> Pairs:
    """All that is learned from. English stands for itself too, so that what the router takes for
    foreign is still read."""
    found: list[tuple[str, str, str]] = []
    for row in sentences:
        found += [(language, row[language], row["en"]) for language in ("en", *TRANSLATED)]
    for row in described:
        found += [(language, row[language], row["en"]) for language in ("en", *languages) if row.get(language)]
    for language in TRANSLATED:
        aligned = [(row[language], row["en"]) for row in sentences]
        aligned += [(row[language], row["en"]) for row in described if row.get(language)]
        found += [(language, word, translation) for word, translation in build_dictionary(aligned)] * 2
    rows = {text: row for row, text in enumerate(dict.fromkeys(english for _, _, english in found))}
    return Pairs(list(rows), [(language, text, rows[english]) for language, text, english in found])
