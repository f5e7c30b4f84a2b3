"""Content words of texts, compared in any regular inflection.

It is a test of words, not of meaning: 'a man bites a dog' has all words of 'a dog bites a man'.
Words for one object are equal ('puppy', 'dog'), and a general word is supported by a special one.
A colour or a number must stand before the same thing in both.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Sequence
from functools import cache, lru_cache
from pathlib import Path

from mm.metrics.language.objects import default_object_words
from mm.metrics.language.word_support import stem
from mm.models.text.english_words import load_english_words

_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")
_WORDS = tomllib.loads(Path(__file__).with_name("words.toml").read_text(encoding="utf-8"))
FUNCTION_WORDS = frozenset(_WORDS["function"].split())
QUESTION_WORDS = frozenset(_WORDS["question"].split())
"""Words of questions about a library, which do not describe what is searched."""
REQUEST_WORDS = frozenset(_WORDS["request"].split())
"""Words that describe nothing where only such words stand before an article."""
COLOURS = frozenset(
    ["red", "blue", "green", "yellow", "white", "black", "brown", "orange", "pink", "purple", "grey", "gray", "tan", "golden"]
)
NUMBERS = {
    word: str(number) for number, word in enumerate(["two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"], 2)
}
_KEYBOARD = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
PERSON, CHILD = "person", "child"
_PEOPLE: dict[str, str] = _WORDS["people"]
"""People by what a text calls them; the object words have one object for all of them."""
_PERSON_OF_WORD = {word: name for name, words in _PEOPLE.items() for word in words.split()}
_CHILDREN = frozenset(("boy", "girl", "baby"))
MAX_BINDING = 3
"""A colour or a number describes a thing at most so many words later."""
MIN_CORRECTED = 5
"""Letters of a correction, at least: one error makes another word of a short word."""


def split_words(text: str) -> list[str]:
    """The words of a text in lower case."""
    return [word.removesuffix("'s") for word in _WORD.findall(text.lower())]


@lru_cache(maxsize=100_000)
def get_term(word: str) -> str:
    """What a word is compared by: the object that it names, a number, or its stem."""
    if word in _PERSON_OF_WORD:
        return _PERSON_OF_WORD[word]
    objects = default_object_words().find((word,))
    return objects[0] if objects and objects[0] != PERSON else NUMBERS.get(word) or stem(word)


def is_content(word: str) -> bool:
    return word not in FUNCTION_WORDS and word not in QUESTION_WORDS


def find_terms(texts: Iterable[str]) -> frozenset[str]:
    """The terms of texts with more general ones, and pairs such as 'brown dog'."""
    terms: set[str] = set()
    for text in texts:
        words = split_words(text)
        own = {get_term(word) for word in words if word not in FUNCTION_WORDS}
        own |= {general for term in own for general in default_object_words().general.get(term, ())}
        own |= {CHILD} if own & _CHILDREN else set()
        own |= {PERSON} if any(default_object_words().find((word,)) == [PERSON] for word in words) else set()
        terms |= own | set(_pairs(words))
    return frozenset(terms)


def find_query_terms(text: str) -> frozenset[str]:
    """What a text must have to match a query: the query's content words and pairs."""
    words = split_words(text)
    return frozenset({get_term(word) for word in words if is_content(word)} | set(_pairs(words)))


def correct_to_texts(text: str, texts: Iterable[str]) -> str:
    """Correct words that are not English ones to words of some texts."""
    return correct_spelling(text, frozenset(word for entry in texts for word in split_words(entry)), load_english_words())


def correct_spelling(text: str, candidates: frozenset[str], known: frozenset[str] = frozenset()) -> str:
    """Replace words by the only candidate at one typing error; words that are `known` stay.

    An error is two letters transposed, or one left out, added, or replaced by its neighbour on a
    keyboard. The first letter is right.
    """
    return _WORD.sub(lambda match: _correct(match.group(), candidates, known), text)


@cache
def known_words() -> frozenset[str]:
    """Words whose spelling is known: function words, words of questions, names of objects."""
    objects = {word for phrase in default_object_words().object_of for word in phrase}
    return FUNCTION_WORDS | QUESTION_WORDS | COLOURS | objects | set(NUMBERS)


def _pairs(words: Sequence[str]) -> list[str]:
    pairs = []
    for index, word in enumerate(words):
        if word in COLOURS or word in NUMBERS:
            for other in words[index + 1 : index + 1 + MAX_BINDING]:
                if other in FUNCTION_WORDS:
                    break
                if other not in COLOURS and default_object_words().find((other,)):
                    pairs.append(f"{get_term(word)} {get_term(other)}")
                    break
    return pairs


def _correct(word: str, candidates: frozenset[str], known: frozenset[str]) -> str:
    if word.endswith("'s"):
        return f"{_correct(word[:-2], candidates, known)}'s"
    lower = word.lower()
    bases = {lower, *(lower.removesuffix(ending) for ending in ("ed", "ing"))}
    if len(word) < MIN_CORRECTED - 1 or lower in candidates or bases & known or not lower.isalpha():
        return word
    same_start = (other for other in candidates if len(other) >= MIN_CORRECTED and other[0] == lower[0])
    near = [other for other in same_start if is_one_error_apart(lower, other)]
    near = [other for other in near if sorted(other) == sorted(lower)] or near  # transposed letters are the surest error
    return near[0] if len(near) == 1 else word


def is_one_error_apart(left: str, right: str) -> bool:
    """Whether one typing error makes one word of the other."""
    if abs(len(left) - len(right)) > 1 or left == right:
        return False
    start = next((index for index, (a, b) in enumerate(zip(left, right, strict=False)) if a != b), min(len(left), len(right)))
    rest, other = left[start:], right[start:]
    if rest[1:] == other or rest == other[1:]:
        return True
    if rest[1:] == other[1:]:
        return any(abs(row.find(rest[0]) - row.find(other[0])) == 1 for row in _KEYBOARD if rest[0] in row and other[0] in row)
    return rest[:2] == other[1::-1] and rest[2:] == other[2:]
