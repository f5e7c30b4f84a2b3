"""Rules that say which pictures answer a question, by the words of their captions.

A rule has parts that are joined by ` & `. A part is a regular expression for whole words of a
caption; after `!` it is one that captions must not match. `none: EXPRESSION` is of a question
without an answer: pictures with a caption that matches are left out of the library.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from mm.errors import InvalidInput

MIN_CAPTIONS = 2
"""Captions of a picture that must match; one where the picture has only one."""
NONE = "none: "
_WORD = re.compile(r"[\w'-]+")

Judgement = Literal["right", "unsure", "wrong"]


@dataclass(frozen=True, slots=True)
class Rule:
    """Expressions that captions match, and that they do not."""

    wanted: tuple[re.Pattern[str], ...]
    unwanted: tuple[re.Pattern[str], ...]
    has_answer: bool

    def judge(self, captions: Sequence[str]) -> Judgement:
        """Judge a picture by its captions.

        It is right when at least `MIN_CAPTIONS` match each wanted expression and none an unwanted
        one, and wrong when none matches one of the wanted expressions, or that many an unwanted
        one. Otherwise its captions do not say.
        """
        texts = [" ".join(_WORD.findall(caption)) for caption in captions]
        needed = min(MIN_CAPTIONS, len(texts))
        wanted = min(_count(pattern, texts) for pattern in self.wanted)
        unwanted = max((_count(pattern, texts) for pattern in self.unwanted), default=0)
        if wanted == 0 or unwanted >= needed:
            return "wrong"
        return "right" if wanted >= needed and unwanted == 0 else "unsure"


def parse_rule(text: str) -> Rule:
    """Parse a rule. Raises `InvalidInput` for an invalid expression and for no wanted one."""
    has_answer = not text.startswith(NONE)
    parts = [part.strip() for part in text.removeprefix(NONE).split(" & ")]
    wanted = tuple(_compile(part) for part in parts if part and not part.startswith("!"))
    unwanted = tuple(_compile(part[1:]) for part in parts if part.startswith("!"))
    if not wanted:
        raise InvalidInput(f"The rule {text!r} has no expression that captions match.")
    return Rule(wanted, unwanted, has_answer)


def _compile(expression: str) -> re.Pattern[str]:
    try:
        return re.compile(rf"(?<![\w-])(?:{expression})(?![\w-])", re.IGNORECASE)
    except re.error as error:
        raise InvalidInput(f"{expression!r} is not a regular expression: {error}.") from error


def _count(pattern: re.Pattern[str], texts: Sequence[str]) -> int:
    return sum(pattern.search(text) is not None for text in texts)
