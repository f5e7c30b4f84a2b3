"""Lists of texts, and synthetic queries: phrasings, excerpts, noun phrases, random strings."""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Sequence
from pathlib import Path

from mm.errors import InvalidInput

PHRASINGS = ("{}", "show me {}", "a photo of {}", "find {}", "pictures of {}", "{}?", "where is {}")
"""Phrasings of a query; they must not depend on whether an image can show the thing."""

_NOUN_PHRASE = re.compile(r"\b(?:an?|the|two|some|three) (?:[a-z-]+ ){0,2}[a-z]+\b")
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_SIGNS = "!?.,;:-_#+*/()[]{}%$&=<>@ "
_FUNCTION_WORDS_TEXT = """
    a an the of in on at to and or is are was be being with by for from into onto over under up down out off his her its
    their it he she they this that these those as while who which there another other one two three some several near next
    through
"""
_FUNCTION_WORDS = frozenset(_FUNCTION_WORDS_TEXT.split())


def read_lines(path: Path) -> list[str]:
    """Read the lines that are not blank. Raises `InvalidInput` when the file cannot be read."""
    try:
        return [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error}.") from error


def assign_split(text: str) -> str:
    """Assign a line to 'dev' or 'test' by its hash."""
    return "dev" if hashlib.sha256(text.encode()).digest()[0] % 2 == 0 else "test"


def read_split_lines(path: Path, split: str) -> list[str]:
    """Read the lines of one split. Raises `InvalidInput` as `read_lines`."""
    return [line for line in read_lines(path) if assign_split(line) == split]


def draw_noun_phrases(captions: Sequence[str], count: int, seed: int) -> list[str]:
    """Draw distinct noun phrases of captions, such as 'a brown dog'."""
    phrases = {phrase for caption in captions for phrase in _NOUN_PHRASE.findall(caption.lower())[:1]}
    return random.Random(seed).sample(sorted(phrases), min(count, len(phrases)))


def phrase_as_queries(texts: Sequence[str], seed: int) -> list[str]:
    """Put each text in a random phrasing; most stay as they are."""
    draw = random.Random(seed)
    return [draw.choice(PHRASINGS).format(text) if draw.random() < 0.4 else text for text in texts]


def draw_keyboard_noise(count: int, seed: int) -> list[str]:
    """Draw meaningless strings of letters, signs and digits."""
    draw = random.Random(seed)

    def word(alphabet: str, shortest: int, longest: int) -> str:
        return "".join(draw.choice(alphabet) for _ in range(draw.randint(shortest, longest)))

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
    """Whether a word in lower case is neither short nor a function word."""
    return len(word) > 2 and word not in _FUNCTION_WORDS


def make_file_name(caption: str, max_words: int = 3) -> str:
    """Make a plausible name for the file of a captioned image: its first content words."""
    words = re.findall(r"[a-z]{3,}", caption.lower())
    return " ".join([word for word in words if is_content_word(word)][:max_words]) or caption


def draw_excerpt(sentence: str, seed: int) -> str:
    """Draw three to six consecutive words of a sentence."""
    words = sentence.rstrip(" .").split()
    draw = random.Random(f"{seed} {sentence}")
    length = min(draw.randint(3, 6), len(words))
    start = draw.randint(0, len(words) - length)
    return " ".join(words[start : start + length])
