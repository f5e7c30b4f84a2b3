"""The wordings of questions and messages, and the words that made items consist of, by split."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
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


@cache
def get_commands(name: str) -> Mapping[str, Sequence[str]]:
    """The wordings of messages by operation: those of a split, or of a set of `FOLLOW_UPS`.

    Raises `InvalidInput` for an unknown name.
    """
    if name not in FOLLOW_UPS:
        return get_vocabulary(name).commands
    sets: dict[str, dict[str, list[str]]] = tomllib.loads(_FILE.with_name("follow_ups.toml").read_text(encoding="utf-8"))
    return sets[name]
