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
    return leave_out(read_json_lines(folder / f"task{task}_{split}.jsonl"), left_out)


def leave_out(rows: Iterable[dict[str, Any]], images: set[str]) -> list[dict[str, Any]]:
    """The rows of other images than these."""
    return [row for row in rows if row["image"].removesuffix(".jpg") not in images]


def add_translations(rows: Sequence[dict[str, Any]], folder: Path, split: str) -> list[str]:
    """Add to the rows of task 1 their translations from `SPLIT.LANG`, which has a line for each.

    `rows` are all of the split, in the order of the data set. Returns the languages, sorted. Raises
    `InvalidInput` for a folder without such a file, and for one of another number of lines.
    """
    paths = sorted(folder.glob(f"{split}.*"))
    if not paths:
        raise InvalidInput(f"{folder} has no file {split}.LANG with translations of Multi30k.")
    for path in paths:
        try:
            lines = path.read_text(encoding="utf-8").removesuffix("\n").split("\n")
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidInput(f"The translations {path} cannot be read: {error}.") from error
        if len(lines) != len(rows):
            raise InvalidInput(f"{path} has {len(lines):,} lines; Multi30k's {split} has {len(rows):,} sentences.")
        for row, line in zip(rows, lines, strict=True):
            row[path.name.removeprefix(f"{split}.")] = line.strip()
    return [path.name.removeprefix(f"{split}.") for path in paths]


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
    more: Sequence[str] = (),
) -> Pairs:
    """Build the pairs. English is paired with itself too, for English that the router misroutes.

    `english` are texts without translations, `more` the languages of `sentences` beside
    `TRANSLATED`.
    """
    triples: list[tuple[str, str, str]] = [("en", text, text) for text in english]
    for row in sentences:
        triples += [(language, row[language], row["en"]) for language in ("en", *TRANSLATED, *more) if row[language]]
    for row in descriptions:
        triples += [(language, row[language], row["en"]) for language in ("en", *languages) if row.get(language)]
    for language in TRANSLATED:
        aligned = [(row[language], row["en"]) for row in sentences]
        aligned += [(row[language], row["en"]) for row in descriptions if row.get(language)]
        triples += [(language, word, translation) for word, translation in build_dictionary(aligned)] * 2
    rows = {text: row for row, text in enumerate(dict.fromkeys(english for _, _, english in [*triples, *lexicon]))}
    pairs, entries = ([(language, text, rows[english]) for language, text, english in of] for of in (triples, lexicon))
    return Pairs(list(rows), pairs, entries)
