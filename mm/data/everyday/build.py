"""Write `datasets/everyday/answers.jsonl` from the rules of `questions.tsv` and the captions.

python -m mm.data.everyday.build DIR...
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from mm.data.everyday.questions import ANSWERS, KINDS, SPLITS, Question, read_library, write_questions
from mm.data.everyday.rules import Rule, parse_rule
from mm.data.sets.catalog import DATASETS
from mm.data.sets.types import EvaluationSet
from mm.errors import InvalidInput

QUESTIONS = "questions.tsv"
DRAWN = (
    ("captions", "flickr8k", 8, 12, 20), ("captions", "coco_captions", 8, 12, 10),
    ("long sentences", "flickr8k", 18, 40, 20), ("long sentences", "coco_captions", 15, 40, 10),
)  # fmt: skip
"""Kind, set, fewest and most words, and number of captions that are questions."""


def build_questions(table: str, libraries: dict[str, EvaluationSet]) -> list[Question]:
    """Questions with their answers, by kind.

    What a picture of `none` matches is unsure, so that it is left out of the library. Raises
    `InvalidInput` for a line of another form, and for a question without a right picture.
    """
    questions = [*_read_table(table, libraries), *_draw_captions(libraries)]
    counts = dict.fromkeys(KINDS, 0)
    numbered = []
    for kind in KINDS:
        for library, text, right, unsure, caption in (row[1:] for row in questions if row[0] == kind):
            counts[kind] += 1
            numbered.append(Question(f"{kind.replace(' ', '-')}-{counts[kind]}", kind, library, text, right, unsure, caption))
    return numbered


_Row = tuple[str, str, str, tuple[str, ...], tuple[str, ...], tuple[str, int] | None]


def _read_table(table: str, libraries: dict[str, EvaluationSet]) -> Iterator[_Row]:
    for number, line in enumerate(table.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        fields = line.split("\t")
        if len(fields) != 4 or fields[0] not in KINDS or fields[1] not in libraries:
            raise InvalidInput(f"Line {number} must have a kind, a set, a question and a rule, separated by tabs: {line[:80]!r}.")
        kind, library, text, rule = fields
        parsed = parse_rule(rule)
        right, unsure = _judge(parsed, libraries[library])
        if not parsed.has_answer:
            right, unsure = (), right + unsure
        elif not right:
            raise InvalidInput(f"Line {number}: no picture of {library} answers {text!r} by the rule {rule!r}.")
        yield kind, library, text, right, unsure, None


def _judge(rule: Rule, library: EvaluationSet) -> tuple[tuple[str, ...], tuple[str, ...]]:
    judged = {item.id: rule.judge(item.texts) for item in library.present}
    right, unsure = (tuple(name for name, each in judged.items() if each == wanted) for wanted in ("right", "unsure"))
    return right, unsure


def _draw_captions(libraries: dict[str, EvaluationSet]) -> Iterator[_Row]:
    """The captions whose SHA-256 is lowest, one of a picture."""
    used: set[str] = set()
    for kind, library, fewest, most, count in DRAWN:
        captions = [
            (hashlib.sha256(text.encode()).hexdigest(), item.id, number)
            for item in libraries[library].present
            for number, text in enumerate(item.texts)
            if fewest <= len([word for word in text.split() if any(char.isalnum() for char in word)]) <= most
        ]
        drawn = 0
        for _, name, number in sorted(captions):
            if drawn < count and name not in used:
                used.add(name)
                drawn += 1
                yield kind, library, "", (name,), (), (name, number)


def main(roots: Sequence[str]) -> None:
    """Write the file; the folders are those of `SPLITS`, in that order."""
    if len(roots) != len(SPLITS):
        raise SystemExit(f"usage: python -m mm.data.everyday.build {' '.join(name.upper() for name in SPLITS)}")
    libraries = {name: read_library(name, Path(root)) for name, root in zip(SPLITS, roots, strict=True)}
    folder = DATASETS / "everyday"
    questions = build_questions((folder / QUESTIONS).read_text(encoding="utf-8"), libraries)
    write_questions(folder / ANSWERS, questions)
    for kind in KINDS:
        own = [question for question in questions if question.kind == kind]
        num_answerable = sum(bool(each.right) for each in own)
        sys.stdout.write(f"{kind}: {num_answerable} with an answer, {len(own) - num_answerable} without\n")


if __name__ == "__main__":
    main(sys.argv[1:])
