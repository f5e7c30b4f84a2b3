"""Questions for an attribute, as in 'what colour is the car?', and whether a text states it.

That a moment shows the thing does not answer them. The tests are of words: a colour or a number
must stand beside the thing, a name or a reason beside a word such as 'called' or 'because'.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from mm.answers.words import COLOURS, FUNCTION_WORDS, MAX_BINDING, NUMBERS, QUESTION_WORDS, find_terms, get_term, split_words
from mm.metrics.language.objects import default_object_words

AttributeName = Literal["colour", "number", "kind", "name", "reason"]

ITEMS = r"(?:videos?|vids?|files?|items?|photos?|pictures?|images?|clips?|films?|footage|recordings?|movies?)"
"""What the files of a library are called."""
_MOMENTS = r"(?:moments?|times?|parts?|scenes?|places?|points?|bits?|hits?|results?|matches|shots?|frames?)"
_IS = r"(?:is|are|was|were)"
_START = r"^(?:(?:and|so|but|ok|okay|then|now|in|of|for) )*(?:(?:please )?(?:\w+ me|do you know|can you say) )?"
_HEAD = rf"{_START}(?:what|which) (?:{_IS} )?(?:(?:the|its|his|her|their|this|that|a|an) )?"
_NO_VERB = r"(?!(?:do|does|did|has|have)\b)"
_PATTERNS: tuple[tuple[AttributeName, re.Pattern[str]], ...] = (
    ("reason", re.compile(rf"{_START}(?:why|how come|(?:for )?what reasons?|what (?:is|was) the reason)\b(?: (?:for|that))?")),
    ("colour", re.compile(rf"{_HEAD}(?P<thing>(?:{_NO_VERB}[\w']+ ){{0,2}}?)colou?rs?\b(?: of)?|{_START}the colou?rs? of\b")),
    (
        "kind",
        re.compile(
            rf"{_HEAD}(?:kind|type|sort|breed|brand|species)s?\b(?! (?:of )?(?:{ITEMS}|{_MOMENTS}|things?|stuff)\b)(?: of)?"
        ),
    ),
    (
        "name",
        re.compile(
            rf"{_HEAD}(?P<thing>(?:(?!{ITEMS}\b){_NO_VERB}[\w']+ ){{0,3}}?)"
            r"(?:names?\b|(?:called|named)(?= (?:in|on|at|by|here|there)\b|\W*$))"
            rf"(?! (?:of )?(?:(?:the|this|that) )?(?:\w+ )?{ITEMS}\b)(?: of)?"
        ),
    ),
    (
        "number",
        re.compile(
            rf"{_START}how many (?!(?:\w+ )?{ITEMS}\b|(?:different )?{_MOMENTS}\b|(?:of|more|{_IS}|do|does|did|have|has|can)\b)"
        ),
    ),
)
_COLOURS = COLOURS | frozenset(
    ["silver", "gold", "beige", "maroon", "violet", "turquoise", "teal", "cyan", "magenta", "navy", "scarlet", "blond", "blonde"]
)
_NUMBERS = frozenset((*NUMBERS, "a", "an", "one", "single"))
_LINKS = frozenset(("is", "are", "was", "were", "looks", "painted", "coloured", "colored"))
_NO_KIND = frozenset(["big", "small", "large", "little", "young", "old", "other", "new", "same", "long", "short", "tall"])
_NAME_WORDS = frozenset(("named", "called", "name"))
_REASON = re.compile(r"\b(?:because|due to|so that|in order to|reasons?|since|therefore|thanks to)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Attribute:
    """What a question asks of a thing."""

    name: AttributeName
    thing: str = ""
    """The term of the thing that has it; empty for the thing that a conversation is about."""

    def is_stated_in(self, text: str) -> bool:
        """Whether a text states the attribute of the thing; of any thing when `thing` is empty."""
        words = split_words(text)
        match self.name:
            case "colour":
                return self._has_value(words, _COLOURS)
            case "number":
                return self._has_value(words, _NUMBERS)
            case "kind":
                return self._has_kind(words)
            case "name":
                return bool(_NAME_WORDS & set(words)) and (not self.thing or self.thing in find_terms([text]))
            case "reason":
                return _REASON.search(text) is not None

    def _has_value(self, words: Sequence[str], values: frozenset[str]) -> bool:
        """Whether a value stands before the thing, or after it with a verb: 'the car is red'."""
        places = [index for index, word in enumerate(words) if word in values or (values is _NUMBERS and word.isdigit())]
        if not self.thing:
            return bool(places)
        return any(self._is_bound(words, place) for place in places)

    def _is_bound(self, words: Sequence[str], place: int) -> bool:
        following = words[place + 1 : place + 1 + MAX_BINDING]
        for word, then in zip(following, [*following[1:], ""], strict=False):
            if self._is_thing(word):
                return True
            if word in FUNCTION_WORDS or (is_object_name(word) and not self._is_thing(then)):
                break
        before = words[max(place - MAX_BINDING, 0) : place]
        return any(self._is_thing(word) and then in _LINKS for word, then in pairwise(before))

    def _has_kind(self, words: Sequence[str]) -> bool:
        """Whether a text has a special word for the thing, or a describing word before it."""
        for before, word in zip(["", *words], words, strict=False):
            if not self._is_thing(word):
                continue
            is_description = before and before not in FUNCTION_WORDS | _NO_KIND | _NUMBERS and not before.endswith("ing")
            if get_term(word) != self.thing or (is_description and before not in _COLOURS - {"golden"}):
                return True
        return False

    def _is_thing(self, word: str) -> bool:
        return bool(word) and self.thing in find_terms([word])


def parse_attribute(text: str) -> tuple[Attribute, str] | None:
    """The attribute that a lower-case question asks for, and the question without its words.

    None for a question that a moment, a file or a count answers.
    """
    text = text.replace("what's", "what is").replace("which's", "which is").strip()
    for name, pattern in _PATTERNS:
        match = pattern.match(text)
        if match is not None:
            rest = f"{match.groupdict().get('thing') or ''}{text[match.end() :]}"
            return Attribute(name, find_thing(rest)), rest
    return None


def find_thing(text: str) -> str:
    """The term of what a phrase is about: the last object of its first words of content.

    'the coffee cup on the table' gives 'cup'; a phrase without content words an empty string.
    """
    words: list[str] = []
    for word in split_words(re.sub(r"[?!.,;]", " ", text)):
        if word not in FUNCTION_WORDS and word not in QUESTION_WORDS:
            words.append(word)
        elif words:
            break
    objects = [word for word in words if is_object_name(word)]
    return get_term((objects or words)[-1]) if words else ""


def is_object_name(word: str) -> bool:
    """Whether a word is the name of a kind of objects, in any inflection."""
    return bool(default_object_words().find((word,)))
