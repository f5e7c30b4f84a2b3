"""Classes of words of commands, from `classes.toml`: a class is a set of stems, or of words."""

from __future__ import annotations

import tomllib
from pathlib import Path

from mm.metrics.language.word_support import stem

_FILE = tomllib.loads(Path(__file__).with_name("classes.toml").read_text(encoding="utf-8"))
_STEMS = {name: frozenset(stem(word) for word in words.split()) for name, words in _FILE["stems"].items()}
_EXACT = {name: frozenset(words.split()) for name, words in _FILE["exact"].items()}

NEGATORS = _EXACT["negators"]
RESTRICTIONS = _STEMS["restrictions"]
ITEMS = _STEMS["items"]
RESULTS = _STEMS["results"]
LISTED = _STEMS["listed"]
ALL = _EXACT["all"]
ONLY = _STEMS["only"]
DROP = _STEMS["drop"]
PARTICLES = _EXACT["particles"]
RESTRICT = _STEMS["restrict"]
WIDEN = _STEMS["widen"]
UNDO = _STEMS["undo"]
PAST = _STEMS["past"]
RESET = _STEMS["reset"]
NEW = _EXACT["new"]
MOVE = _STEMS["move"]
ADD = _STEMS["add"]
HOLD = _STEMS["hold"]
TALK = _STEMS["talk"]
WITH_TALK = _STEMS["with_talk"]
SAID = _STEMS["said"]
NARROW = _STEMS["narrow"]
EXPAND = _STEMS["expand"]
RETURN = _STEMS["return"]
CLASS_STEMS = frozenset[str]().union(*_STEMS.values())
"""Stems of the words of all classes that have inflections."""
CLASS_WORDS = frozenset(word for words in (*_FILE["stems"].values(), *_FILE["exact"].values()) for word in words.split())
"""All words, whose spelling is corrected."""
