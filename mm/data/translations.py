"""Reads Multi30k, and builds pairs of texts with their English translations for training."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mm.data.lexicons import Entry
from mm.errors import InvalidInput
from mm.files import read_json_lines
from mm.models.text.language_router import split_words

TRANSLATED = ("de", "fr", "cs")
"""The languages of Multi30k besides English."""
_MIN_COUNT, _MIN_DICE = 5, 0.35  # occurrences of a word; Dice coefficient of a word and its translation
_FLICKR_ID = re.compile(r"^\d+")


@dataclass(frozen=True, slots=True)
class Pairs:
    """Distinct English texts, and triples of language, text and row of its English."""

    english: list[str]
    pairs: list[tuple[str, str, int]]
    entries: list[tuple[str, str, int]]
    """Triples of the lexicons, of which an epoch has a sample."""


def read_flickr_ids(lists: Iterable[Path]) -> set[str]:
    """Read the numbers with which the file names of lists begin. Raises `InvalidInput`."""
    ids: set[str] = set()
    for path in lists:
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except OSError as error:
            raise InvalidInput(f"The list {path} cannot be read: {error.strerror}.") from error
        ids |= {number.group() for line in lines if (number := _FLICKR_ID.match(line))}
    return ids


def read_multi30k(folder: Path, split: str, left_out: set[str], task: int = 1) -> list[dict[str, Any]]:
    """Read a split: English sentences with translations (task 1), or five a language (task 2).

    Images in `left_out` are skipped. Raises `InvalidInput`.
    """
    rows = read_json_lines(folder / f"task{task}_{split}.jsonl")
    return [row for row in rows if row["image"].removesuffix(".jpg") not in left_out]


def find_largest_languages(rows: Iterable[dict[str, str]], count: int) -> list[str]:
    """The languages with the most descriptions, without English; ties in order of their codes."""
    counts = Counter(language for row in rows for language in row if not language.startswith("en"))
    return [language for language, _ in sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))[:count]]


def build_dictionary(pairs: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Find word translations by co-occurrence in sentence pairs (foreign, English).

    Each word gets the English word with the highest Dice coefficient.
    """
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
        dice = 2 * count / (foreign[a] + english[b])
        if foreign[a] >= _MIN_COUNT and dice >= _MIN_DICE:
            best[a] = max(best.get(a, (0.0, "")), (dice, b))
    return [(a, b) for a, (_, b) in sorted(best.items())]


def build_training_pairs(
    sentences: Sequence[dict[str, str]],
    descriptions: Sequence[dict[str, str]],
    languages: Sequence[str],
    english: Sequence[str] = (),
    lexicon: Sequence[Entry] = (),
) -> Pairs:
    """Build the pairs. English is paired with itself too, for English that the router misroutes.

    `english` are texts without translations.
    """
    triples: list[tuple[str, str, str]] = [("en", text, text) for text in english]
    for row in sentences:
        triples += [(language, row[language], row["en"]) for language in ("en", *TRANSLATED)]
    for row in descriptions:
        triples += [(language, row[language], row["en"]) for language in ("en", *languages) if row.get(language)]
    for language in TRANSLATED:
        aligned = [(row[language], row["en"]) for row in sentences]
        aligned += [(row[language], row["en"]) for row in descriptions if row.get(language)]
        triples += [(language, word, translation) for word, translation in build_dictionary(aligned)] * 2
    rows = {text: row for row, text in enumerate(dict.fromkeys(english for _, _, english in [*triples, *lexicon]))}
    pairs, entries = ([(language, text, rows[english]) for language, text, english in of] for of in (triples, lexicon))
    return Pairs(list(rows), pairs, entries)
