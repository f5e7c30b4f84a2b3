"""Texts that a picture can show and texts that none can: what depictability is learnt from, and the
floor checked with."""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Sequence
from pathlib import Path

from mm.errors import InvalidInput

ASKED_AS = ("{}", "show me {}", "a photo of {}", "find {}", "pictures of {}", "{}?", "where is {}")
"""Ways to ask for the same thing; how it is asked must say nothing of whether it can be shown."""

_NOUN_PHRASE = re.compile(r"\b(?:an?|the|two|some|three) (?:[a-z-]+ ){0,2}[a-z]+\b")
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_SIGNS = "!?.,;:-_#+*/()[]{}%$&=<>@ "
_LITTLE = """
    a an the of in on at to and or is are was be being with by for from into onto over under up down out off his her its
    their it he she they this that these those as while who which there another other one two three some several near next
    through
"""
_LITTLE_WORDS = frozenset(_LITTLE.split())


def read_lines(path: Path) -> list[str]:
    """Lines that are not empty. Raises `InvalidInput` when the file cannot be read."""
    try:
        return [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error}.") from error


def assign_split(text: str) -> str:
    """The split that a line of a list belongs to, by the text alone: 'dev' or 'test'."""
    return "dev" if hashlib.sha256(text.encode()).digest()[0] % 2 == 0 else "test"


def read_split_lines(path: Path, split: str) -> list[str]:
    """The lines of one split."""
    return [line for line in read_lines(path) if assign_split(line) == split]


def draw_noun_phrases(captions: Sequence[str], count: int, seed: int) -> list[str]:
    """Short phrases out of captions, such as 'a brown dog': how people ask, where captions are how
    they describe."""
    found = {phrase for caption in captions for phrase in _NOUN_PHRASE.findall(caption.lower())[:1]}
    return random.Random(seed).sample(sorted(found), min(count, len(found)))


def phrase_as_queries(texts: Sequence[str], seed: int) -> list[str]:
    """Each text in one of the ways to ask, the plain one most often."""
    draw = random.Random(seed)
    return [draw.choice(ASKED_AS).format(text) if draw.random() < 0.4 else text for text in texts]


def draw_keyboard_noise(count: int, seed: int) -> list[str]:
    """Letters, signs and digits that mean nothing, as cats and tests type them."""
    draw = random.Random(seed)

    def word(alphabet: str, least: int, most: int) -> str:
        return "".join(draw.choice(alphabet) for _ in range(draw.randint(least, most)))

    kinds = (
        lambda: word(_LETTERS, 4, 16),
        lambda: " ".join(word(draw.choice(_ROWS), 3, 8) for _ in range(draw.randint(1, 4))),
        lambda: word(_SIGNS, 2, 12),
        lambda: word("0123456789", 2, 12),
        lambda: word("0123456789abcdef-", 6, 20),
        lambda: draw.choice(_LETTERS) * draw.randint(3, 12),
    )
    return [kinds[index % len(kinds)]() for index in range(count)]


def is_content_word(word: str) -> bool:
    """Whether a word in lower case says what is seen, and is no article or preposition."""
    return len(word) > 2 and word not in _LITTLE_WORDS


def make_file_name(caption: str, most: int = 3) -> str:
    """What a person might call the file of a captioned picture: its first few telling words."""
    words = re.findall(r"[a-z]{3,}", caption.lower())
    return " ".join([word for word in words if is_content_word(word)][:most]) or caption


def draw_excerpt(sentence: str, seed: int) -> str:
    """Three to six words in a row out of a sentence: what somebody remembers of what was said."""
    words = sentence.rstrip(" .").split()
    draw = random.Random(f"{seed} {sentence}")
    length = min(draw.randint(3, 6), len(words))
    start = draw.randint(0, len(words) - length)
    return " ".join(words[start : start + length])
