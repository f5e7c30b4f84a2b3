"""Refinements that refer to the moments of the search: 'which ones have no dog', 'the same but'."""

from __future__ import annotations

import re

from mm.answers.conversation import classes
from mm.answers.conversation.command import MAX_THING_WORDS, Command
from mm.answers.conversation.normalization import AFTER, BEFORE, is_filler, normalize
from mm.answers.conversation.preamble import has_content, is_thing
from mm.answers.conversation.references import find_ordinal
from mm.metrics.language.word_support import stem

_RESULTS = re.compile(
    r"\b(?:ones?|(?:any|all|some|none|each|many|few|which|one) of (?:them|these|those|the (?:results|hits|matches)))\b"
    r"|^(?:is|are|was|were) there any (?:that|which|with|without|where|of|having|showing|containing)\b"
    r"|^any (?:with|without|that|where)\b"
    r"|\bsame\b(?! for\b)|\b(?:those|these) (?:with|without|that|which|where|who|of|having|showing|containing|including)\b"
    r"|^(?:only|just) (?:if|where|when|with)\b|^(?:some|most|others?|all|many|few) (?:with|without|that|where|having|showing)\b"
    r"|^(?:do|does|did|can|could|must|should) (?:they|it|these|those|any|some)\b.*\b(?:have|has|show|contain|include)\b"
    r"|^(?:and |with |also |plus )*an? .*\bin (?:it|them|there)$"
    r"|^(?:that|which|who) (?:also |only |just |do not |does not |all )*(?:have|has|had|show|shows|contain|contains|include"
    r"|includes|feature|features|are|is)\b"
    r"|^where (?=.*\b(?:also|too|as well|no|not|without|nobody|none)\b)"
    r"(?:you|we|there|an?|the|no|i|nobody|none)\b"
    r"|\b(?:narrow|filter|restrict|limit|reduce|refine)\b(?!.*\bout\b)"
)
"""Refers to the moments that were found: 'which ones', 'any of them', 'the same but'."""
_WHO_IS = re.compile(r"^(?:who is|who was|who's|whos)\b(?!.*\b(?:also|too|as well|not|no|without|ones?|them|these|those)\b)")
"""Asks for a person, as 'who is in the car' does, which refers to no moment that was found."""
_SELECTIVE = frozenset(
    ("narrow", "filter", "restrict", "limit", "reduce", "refine", "down", "for", "same", "thing", "search", "query")
)


def parse_refinement(message: str) -> Command | None:
    """'Without' or 'also' of a message that refers to the moments found; None for another."""
    plain = normalize(message)
    words = plain.split()
    if (
        not _RESULTS.search(plain)
        or _WHO_IS.match(plain)
        or BEFORE.search(plain)
        or AFTER.search(plain)
        or find_ordinal(plain) is not None
        or set(words) & {"how", "why", "what", "whose"}
        or (words[0] == "when")
    ):
        return None
    rest = [word for word in words if word not in _SELECTIVE and word not in ("which", "does", "do", "is", "are", "who")]
    marks = [index for index, word in enumerate(rest) if word in classes.NEGATORS or (index == 0 and stem(word) in classes.DROP)]
    thing = [
        word
        for before, word in zip(["", *rest], rest, strict=False)
        if is_thing(before, word)
        or (
            not (is_filler(word) or word in classes.NEGATORS or word in classes.ALL or word in classes.PARTICLES)
            and stem(word) not in classes.HOLD | classes.ADD | classes.ONLY | classes.LISTED | classes.DROP | classes.RESTRICT
        )
    ]
    if not 0 < len(thing) <= MAX_THING_WORDS or not has_content(plain):
        return None
    return Command("without" if marks else "also", " ".join(thing))
