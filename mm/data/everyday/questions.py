"""The questions of `datasets/everyday` with the names of the pictures that answer them.

`read_translations` reads some of them in other languages.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mm.data.sets.catalog import describe_set, read_set
from mm.data.sets.types import EvaluationSet, SetItem
from mm.errors import InvalidInput
from mm.files import read_json_lines

KINDS = (
    "one word", "two words", "typos", "colours", "counts", "places", "names", "negation", "captions", "long sentences",
)  # fmt: skip
TRANSLATED_KINDS = ("one word", "two words", "colours", "counts", "places")
"""Others repeat texts of these with errors, names or exclusions in English."""
SPLITS = {"flickr8k": "dev", "coco_captions": "all", "tuxpaint": "dev", "imagenet_samples": "dev"}
"""Sets that serve as libraries, and the split of each that is searched."""
ANSWERS, TRANSLATIONS = "answers.jsonl", "translations.tsv"
ENGLISH = "en"


@dataclass(frozen=True, slots=True)
class Question:
    """A question to one library."""

    id: str
    kind: str
    """Of `KINDS`."""
    library: str
    """Of `SPLITS`."""
    text: str
    """Empty where it is a caption: see `caption`."""
    right: tuple[str, ...]
    """Ids of the pictures that answer it; empty for a question without an answer."""
    unsure: tuple[str, ...]
    """Ids of pictures of which the captions do not say whether they answer it."""
    caption: tuple[str, int] | None = None
    """The picture whose caption it is, and the index of the caption. The text of captions is in the
    data set only."""
    language: str = ENGLISH
    translation: str = ""
    """The text in `language`; empty in English."""

    @property
    def source(self) -> str:
        """What questions that are not independent have in common."""
        return self.caption[0] if self.caption else f"{self.library}: {self.text}"

    def fill_in(self, items: Mapping[str, SetItem]) -> str:
        """The text, of a caption from the items by id. Raises `InvalidInput` if it is missing."""
        if self.caption is None:
            return self.translation or self.text
        name, number = self.caption
        texts = items[name].texts if name in items else ()
        if number >= len(texts):
            raise InvalidInput(f"{self.library} has no caption {number} of {name}, which is the question {self.id}.")
        return texts[number]


def read_questions(folder: Path) -> list[Question]:
    """Read `answers.jsonl`. Raises `InvalidInput` with the line for a row of another form."""
    path = folder / ANSWERS
    return [_parse(row, f"{path}, line {number}") for number, row in enumerate(read_json_lines(path), 1)]


def read_translations(folder: Path, questions: Sequence[Question]) -> list[Question]:
    """The questions that `translations.tsv` has in other languages, by language.

    Its first line names the languages after a column of English texts. Raises `InvalidInput` with
    the line for a row of another number of columns, an empty text, or a text that is no question.
    """
    path = folder / TRANSLATIONS
    head, *rows = path.read_text(encoding="utf-8").splitlines()
    languages = head.split("\t")[1:]
    known = {question.text for question in questions}
    texts: dict[str, list[str]] = {}
    for number, row in enumerate(rows, 2):
        english, *translated = row.split("\t")
        if len(translated) != len(languages) or not all(text.strip() for text in translated) or english not in known:
            raise InvalidInput(f"{path}, line {number} must have a question and its {len(languages)} translations: {row[:80]!r}.")
        texts[english] = translated
    return [
        replace(question, id=f"{question.id}-{language}", language=language, translation=texts[question.text][column])
        for column, language in enumerate(languages)
        for question in questions
        if question.text in texts and question.kind in TRANSLATED_KINDS
    ]


def write_questions(path: Path, questions: Sequence[Question]) -> None:
    """Write the rows that `read_questions` reads."""
    rows = [
        {
            "id": each.id, "kind": each.kind, "library": each.library, "text": each.text,
            **({"caption": list(each.caption)} if each.caption else {}), "right": list(each.right), "unsure": list(each.unsure),
        }
        for each in questions
    ]  # fmt: skip
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


def read_library(name: str, root: Path) -> EvaluationSet:
    """The pictures of a set that are searched. Raises `InvalidInput`."""
    return read_set(describe_set(name), root, SPLITS[name])


def find_libraries(roots: Sequence[Path], questions: Sequence[Question]) -> dict[str, tuple[Path, EvaluationSet]]:
    """Find out by the names of the pictures which set each folder holds.

    Raises `InvalidInput` for a folder without a picture that the questions name, and for two
    folders with the same set.
    """
    found: dict[str, tuple[Path, EvaluationSet]] = {}
    for root in roots:
        candidates = {}
        for name in SPLITS:
            try:
                candidates[name] = read_library(name, root)
            except InvalidInput:
                continue
        named = {name: {each for question in questions if question.library == name for each in question.right} for name in SPLITS}
        counts = {name: sum(item.id in named[name] for item in data.present) for name, data in candidates.items()}
        best = max(counts, key=lambda name: counts[name], default="")
        if not best or not counts[best]:
            sets = ", ".join(f"{name} ({split})" for name, split in SPLITS.items())
            raise InvalidInput(f"{root} has no picture that the questions name. Folders of these sets can be used: {sets}.")
        if best in found:
            raise InvalidInput(f"{root} and {found[best][0]} both hold {best}; name one of them.")
        found[best] = (root, candidates[best])
    return found


def _parse(row: Mapping[str, object], where: str) -> Question:
    try:
        caption = row.get("caption")
        question = Question(
            str(row["id"]), str(row["kind"]), str(row["library"]), str(row["text"]), _names(row["right"]), _names(row["unsure"]),
            None if caption is None else _parse_caption(caption),
        )  # fmt: skip
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidInput(f"{where} is not a question: {error!r}.") from error
    if question.kind not in KINDS or question.library not in SPLITS:
        raise InvalidInput(f"{where}: the kind '{question.kind}' or the library '{question.library}' does not exist.")
    return question


def _names(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise TypeError("names must be a list")
    return tuple(map(str, value))


def _parse_caption(value: object) -> tuple[str, int]:
    if not isinstance(value, list):
        raise TypeError("a caption must be a list of a name and an index")
    name, number = value
    return str(name), int(number)
