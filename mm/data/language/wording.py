"""The wordings of questions and messages, and the words that made items consist of, by split."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from string import Formatter
from typing import Any

from mm.errors import InvalidInput

SPLITS = ("train", "dev", "test")
ORDINALS = ("first", "second", "third", "fourth", "fifth")
FOLLOW_UPS = ("dev2", "dev3", "dev4")
"""Further sets of wordings of the messages of conversations only, in `follow_ups.toml`."""
_FILE = Path(__file__).with_name("wording.toml")


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What a split is made from besides captions; `wording.toml` explains the slots."""

    questions: Mapping[str, Sequence[str]]
    """Wordings by kind of question: questions, commands and keywords."""
    commands: Mapping[str, Sequence[str]]
    """Wordings by operation of a search script."""
    names: Sequence[str]
    """Words of file names."""
    topics: Sequence[str]
    speech: Sequence[str]
    """Sentences that are said about a topic."""
    writing: Sequence[str]
    """Signs about a topic."""
    small_talk: Sequence[Sequence[str]]
    """Messages that need no moment, and the answers."""


@cache
def _read() -> dict[str, dict[str, Any]]:
    return tomllib.loads(_FILE.read_text(encoding="utf-8"))


def get_vocabulary(split: str) -> Vocabulary:
    """The vocabulary of a split. Raises `InvalidInput` for an unknown split."""
    if split not in SPLITS:
        raise InvalidInput(f"There is no split '{split}'; there are {', '.join(SPLITS)}.")
    return Vocabulary(**_read()[split])


def read_questions(path: Path) -> Mapping[str, Sequence[str]]:
    """Read wordings of questions by kind: a TOML file with an array of texts for each kind.

    The kinds, and their slots, are those of `wording.toml`. Raises `InvalidInput` for a file that
    is not TOML, an unknown or a missing kind, a kind without wordings, and other slots.
    """
    try:
        sets = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidInput(f"{path} is no TOML file of wordings: {error}.") from error
    expected = get_vocabulary("train").questions
    if sets.keys() != expected.keys():
        names = ", ".join(sorted(sets.keys() ^ expected.keys()))
        raise InvalidInput(f"{path} must have wordings of every kind of question and of no other; these differ: {names:.400}.")
    for kind, wordings in sets.items():
        if not isinstance(wordings, list) or not wordings or not all(isinstance(text, str) for text in wordings):
            raise InvalidInput(f"{path}: {kind} must be an array of at least one text.")
        slots = [_find_slots(text) for text in expected[kind]]
        for text in wordings:
            if _find_slots(text) not in slots:
                raise InvalidInput(f"{path}: the slots of {text!r:.80} must be those of {expected[kind][0]!r}.")
    return sets


def _find_slots(wording: str) -> frozenset[str] | None:
    """The names of the slots of a wording; None for braces that are no slot."""
    try:
        return frozenset(name for _, name, _, _ in Formatter().parse(wording) if name is not None)
    except ValueError:
        return None


@cache
def get_commands(name: str) -> Mapping[str, Sequence[str]]:
    """The wordings of messages by operation: those of a split, or of a set of `FOLLOW_UPS`.

    Raises `InvalidInput` for an unknown name.
    """
    if name not in FOLLOW_UPS:
        return get_vocabulary(name).commands
    sets: dict[str, dict[str, list[str]]] = tomllib.loads(_FILE.with_name("follow_ups.toml").read_text(encoding="utf-8"))
    return sets[name]
