"""How people type: lower case, no question mark, abbreviations, typing errors."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence

LOWER, NO_MARK, SHORT_FORMS, TYPOS, SHOUTED = "lower case", "no final mark", "short forms", "typos", "upper case"
STYLES = (LOWER, NO_MARK, SHORT_FORMS, TYPOS, SHOUTED)
MIN_TYPO_LENGTH = 5
"""Shorter words are typed without errors: one error can make another word of them."""
_SHORT_FORMS = (
    ("what is", "whats"), ("please", "pls"), ("are you", "r u"), ("you", "u"), ("because", "bc"), ("where is", "wheres"),
    ("does not", "doesnt"), ("do not", "dont"), ("video", "vid"), ("videos", "vids"), ("and", "&"),
)  # fmt: skip
_KEYBOARD = ("qwertyuiop", "asdfghjkl", "zxcvbnm")


def draw_styles(draw: random.Random) -> tuple[str, ...]:
    """Draw the variations of one message; about a third have none."""
    shares = {LOWER: 0.4, NO_MARK: 0.35, SHORT_FORMS: 0.12, TYPOS: 0.18, SHOUTED: 0.02}
    if draw.random() < 0.3:
        return ()
    return tuple(style for style, share in shares.items() if draw.random() < share)


def type_text(text: str, styles: Sequence[str], draw: random.Random, kept: Sequence[str] = ()) -> str:
    """Apply variations to a text. `kept` are names that stay readable: they change case at most."""
    if SHORT_FORMS in styles:
        text = _map_outside(text, kept, _shorten)
    if TYPOS in styles:
        text = _map_outside(text, kept, lambda part: _misspell(part, draw))
    if NO_MARK in styles:
        text = text.rstrip("?.! ")
    if LOWER in styles:
        text = text.lower()
    elif SHOUTED in styles:
        text = text.upper()
    return text


def _map_outside(text: str, kept: Sequence[str], change: Callable[[str], str]) -> str:
    pieces = sorted((piece for piece in kept if piece), key=len, reverse=True)
    if not pieces:
        return change(text)
    parts = re.split("(" + "|".join(re.escape(piece) for piece in pieces) + ")", text, flags=re.IGNORECASE)
    return "".join(part if index % 2 else change(part) for index, part in enumerate(parts))


def _shorten(text: str) -> str:
    for long, short in _SHORT_FORMS:
        text = re.sub(rf"\b{long}\b", short, text, flags=re.IGNORECASE)
    return text


def _misspell(text: str, draw: random.Random) -> str:
    """Put one typing error into one or two long words."""
    words = [match.span() for match in re.finditer(rf"\b[a-z]{{{MIN_TYPO_LENGTH},}}\b", text)]
    for start, end in sorted(draw.sample(words, min(len(words), draw.randint(1, 2))), reverse=True):
        text = text[:start] + _misspell_word(text[start:end], draw) + text[end:]
    return text


def _misspell_word(word: str, draw: random.Random) -> str:
    """Transpose, omit, double or replace one letter after the first."""
    at = draw.randrange(1, len(word) - 1)
    kind = draw.randrange(4)
    if kind == 0:
        return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    if kind == 1:
        return word[:at] + word[at + 1 :]
    if kind == 2:
        return word[:at] + word[at] + word[at:]
    row = next(row for row in _KEYBOARD if word[at] in row)
    place = row.index(word[at])
    return word[:at] + row[place - 1 if place else place + 1] + word[at + 1 :]
