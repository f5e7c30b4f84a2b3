"""Reads words of many languages with their English: wordnets, and the names of emoji.

The wordnets are those of the Open Multilingual Wordnet (Bond and Foster 2013) and of its extension
by Wiktionary, as tab-separated files of `offset-pos, language:lemma, lemma`. The names of emoji are
the annotations of the Unicode CLDR as JSON.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from mm.errors import InvalidInput

Entry = tuple[str, str, str]
"""Language, text, its English."""

_ENGLISH = "wn-wikt-eng.tab"
_WORDNETS = ("wn-wikt-*.tab", "wn-data-*.tab")
_UNRANKED = 1 << 30


def read_wordnets(folder: Path, ranks: Mapping[str, int], limit: int) -> list[Entry]:
    """Read the lemmas of all languages under a folder, with English lemmas of the same meaning.

    A meaning has one English lemma: of those in `ranks`, the ranks of words by frequency, the one
    with the fewest meanings. A language has at most `limit` entries, those with the lowest ranks.
    Raises `InvalidInput` without the English file.
    """
    source = next(iter(sorted(folder.rglob(_ENGLISH))), None)
    if source is None:
        raise InvalidInput(f"{folder} has no file {_ENGLISH} of the Open Multilingual Wordnet.")
    lemmas = list(_read_lemmas(source))
    num_meanings = Counter(lemma for _, lemma in lemmas)
    english: dict[str, str] = {}
    for synset, lemma in lemmas:
        english[synset] = min(
            english.get(synset, lemma),
            lemma,
            key=lambda word: (word.lower() not in ranks, num_meanings[word], ranks.get(word.lower(), 0)),
        )
    by_language: dict[str, set[tuple[str, str]]] = {}
    for path in sorted(path for pattern in _WORDNETS for path in folder.rglob(pattern) if path.name != _ENGLISH):
        language = path.stem.rpartition("-")[2]
        entries = by_language.setdefault(language, set())
        entries |= {(lemma, english[synset]) for synset, lemma in _read_lemmas(path) if synset in english}
    found: list[Entry] = []
    for language, entries in sorted(by_language.items()):
        distinct = [entry for entry in entries if entry[0].lower() != entry[1].lower()]
        distinct.sort(key=lambda entry: (ranks.get(entry[1].lower(), _UNRANKED), entry))
        found += [(language, lemma, translation) for lemma, translation in distinct[:limit]]
    return found


def read_emoji_names(folder: Path) -> list[Entry]:
    """Read the names of emoji in the languages of `folder`, which has `LOCALE/annotations.json`.

    Raises `InvalidInput` without the English file, or for a file that is not of that form.
    """
    english = _read_annotations(folder / "en" / "annotations.json")
    found: list[Entry] = []
    for path in sorted(folder.glob("*/annotations.json")):
        language = path.parent.name
        if language.partition("-")[0] != "en":
            names = _read_annotations(path)
            found += [(language, name, english[emoji]) for emoji, name in names.items() if emoji in english]
    return found


def _read_lemmas(path: Path) -> Iterator[tuple[str, str]]:
    """The synset and text of each lemma of a file."""
    for line in path.read_text(encoding="utf-8").splitlines():
        fields = line.split("\t")
        if len(fields) >= 3 and fields[1].endswith("lemma") and (lemma := fields[-1].strip()):
            yield fields[0], lemma


def _read_annotations(path: Path) -> dict[str, str]:
    """The spoken name of each emoji."""
    try:
        annotations = json.loads(path.read_text(encoding="utf-8"))["annotations"].get("annotations", {})
        return {emoji: entry["tts"][0] for emoji, entry in annotations.items() if entry.get("tts")}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InvalidInput(f"{path} cannot be read as annotations of the CLDR: {error!r}.") from error
