"""Word lists and patterns of the grammar of exclusions, by language.

`exclusions` applies them; `docs/search-quality.md` describes the grammar.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

_WORDS: dict[str, str] = tomllib.loads(Path(__file__).with_name("words.toml").read_text(encoding="utf-8"))
Extent = Literal["noun", "clause"]
"""Where the excluded phrase ends: before the next preposition, or at the end of the clause."""


@dataclass(frozen=True, slots=True)
class Cue:
    """Words that begin an excluded phrase."""

    pattern: re.Pattern[str]
    extent: Extent
    stop: re.Pattern[str]
    """Words before which a phrase of the extent `noun` ends."""


def _compile(*alternatives: str) -> re.Pattern[str]:
    return re.compile(f"(?:{'|'.join(alternatives)})(?=\\s)", re.IGNORECASE)


_PLACES = (  # fmt: skip
    "in|on|at|near|by|with|under|inside|outside|behind|beside|between|from|of|during|over|above|below"
    "|next to|in front of|close to"
)
_PLURAL = (
    r"(?=(?:\w+ ){0,2}(?:people|persons|children|men|women|feet|sheep|fish|snow|water|rain|grass|fog|traffic|text"
    r"|\w\w+(?<!s)(?<!u)(?<!i)s)\b)"
)
"""A plural or a thing without one: 'no cars', and not 'no parking'."""
_STOP_EN = re.compile(
    r"\s(?:(?:and|but) with|in|on|at|near|by|under|behind|beside|between|inside|outside|during|while|when|where|who|which|that"
    r"|along|across|against|around|into|onto|over|above|below|through|towards?|next to|but|is|are|was|were)\s",
    re.IGNORECASE,
)
_STOP_DE = re.compile(r"\s(?:(?:und|aber) mit|mit|im|in|am|an|auf|unter|bei|vor|hinter|neben|aber|während)\s", re.IGNORECASE)
_STOP_FR = re.compile(r"\s(?:(?:et|mais) avec|avec|sur|dans|à|au|aux|en|sous|devant|derrière|près|mais)\s", re.IGNORECASE)
_STOP_ES = re.compile(r"\s(?:(?:y|pero) con|con|en|sobre|bajo|cerca|delante|detrás|pero)\s", re.IGNORECASE)

CUES = (
    Cue(
        _compile(
            r"\bwithout(?: a single)?",
            r"\bw/o",
            r"\bwith (?:no|neither)",
            r"\b(?:(?:that|which|who|and) )?(?:has|have|had|having|wearing|contains?|containing|showing) no",
            r"\b(?:where )?there (?:is|are) no",
            r"(?:,\s*|\b)(?:and|but) no",
            r",\s*no",
            rf"(?:^|(?<=\w\s))no(?= {_PLURAL})",
            rf"(?:,\s*(?:and |but )?|\b(?:and|but|who (?:is|are)|that (?:is|are)) )not (?:{_PLACES})",
            rf"\bnot (?:{_PLACES})",
            r"(?:\b(?:who|that|which) (?:is|are) |,\s*|\b)not(?= (?:wearing|holding|carrying|riding|eating|drinking) )",
        ),
        "noun",
        _STOP_EN,
    ),
    Cue(
        _compile(
            r",?\s*\b(?:but|and) not",
            r",\s*not",
            r"\b(?:who|that|which) (?:is|are|was|were|do|does|did|has|have)(?: not|n't)",
            r"\bnot(?= \w+ing\b)",
            r",?\s*\bexcept(?:ing)?(?: for)?",
            r",?\s*\bexclud(?:e|es|ed|ing)",
            r",?\s*\bother than",
            r",?\s*\b(?:apart|aside) from",
            r"\b(?<=anything )but",
            r"\b(?<=everything )but",
        ),
        "clause",
        _STOP_EN,
    ),
    Cue(
        _compile(
            r"\bohne",
            r"(?:,\s*|\b(?:und|aber|mit) |^)keine?[mnrs]?",
            r"(?:,\s*|\baber |\b)nicht (?:im|in|am|an|auf|bei|mit|unter|vor|neben)",
            r",?\s*\baber nicht",
            r",?\s*\b(?:außer|ausser|ausgenommen)",
        ),
        "noun",
        _STOP_DE,
    ),
    Cue(
        _compile(r"\bsans", r"(?:,\s*|\bmais )pas(?: (?:de|d'|sur|dans|au|à))?", r",?\s*\b(?:sauf|excepté|hormis)"),
        "noun",
        _STOP_FR,
    ),
    Cue(
        _compile(r"\bsin", r"(?:,\s*|\bpero )no(?: (?:en|con|sobre))?", r",?\s*\b(?:excepto|menos los|menos las)"),
        "noun",
        _STOP_ES,
    ),
)
TRAILING = re.compile(
    r"\s+(?:on|nearby|around|visible|at all|there|on it"
    r"|in (?:it|sight|view|them|(?:the|any) (?:picture|photo|image|frame|shot|background)))"
    r"(?=\s*(?:$|[,.;!?]|\s(?:is|are)\s))",
    re.IGNORECASE,
)
"""Words after an excluded thing that add nothing to it."""
MINUS = re.compile(r"(?:^|(?<=\s))-(?:(?=[^\W\d_])(?P<word>[\w'-]*\w)|\"(?P<phrase>[^\"]+)\")(?=[\s,;]|$)")
"""A hyphen directly before a word or a quoted phrase."""
SPANISH = re.compile(r"\b(?:el|la|los|las|un|una|de|del|con|pero|sin|perros?|gatos?|playa|calle)\b", re.IGNORECASE)
"""'sin' excludes in a text with one more Spanish word only: it is an English noun."""
FRENCH = re.compile(r"\b(?:le|la|les|un|une|de|des|du|avec|mais|chiens?|chats?|plage|rue|photos?|voitures?)\b", re.IGNORECASE)

LIST = re.compile(
    r"\s*,\s*(?:(?:and|or|nor|und|oder|et|ou|y|o) )?|\s+(?:and|or|nor|und|oder|et|ou|y|o)\s+(?:no |not )?", re.IGNORECASE
)
"""What separates the things of a list."""
UNSPLIT = re.compile(
    r"\b(?:black (?:and|or) white|salt and pepper|rock and roll|bread and butter|fish and chips)\b", re.IGNORECASE
)
LEADING = re.compile(
    rf"^(?:(?:an?|the|any|some|one|those|these|its|their|his|her|another|{_PLACES}|to|of|ein(?:e[mnrs]?)?|der|die|das|den|dem"
    r"|irgendwelche|un|une|le|la|les|des|du|de|unos?|unas?|el|los|las|with|no|not|either|neither|both)\s+|(?:l'|d'))+",
    re.IGNORECASE,
)
"""Determiners and prepositions before the thing that is excluded."""
EMPTY = frozenset(_WORDS["empty"].split())
"""Words that name no thing."""
GENERIC = frozenset(_WORDS["generic"].split())
"""Words of which a text names nothing that could be searched."""


def _any_of(key: str) -> str:
    """A pattern of the words of a list, whose hyphens stand for a space or a hyphen."""
    return f"(?:{'|'.join(word.replace('-', '[ -]') for word in _WORDS[key].split())})"


FIXED = re.compile(
    rf"\bnot {_any_of('after_not')}\b"
    rf"|\b{_any_of('before_not')} not\b"
    r"|\bbut not (?:least|only)\b|\bto be or not to be\b|\w-not\b"
    rf"|\bno {_any_of('after_no')}\b|\bno\.? ?\d"
    r"|\bno (?:\w+ ){1,3}(?:allowed|permitted|please|left|zone|zones|signs?|symbol|area|day|policy|beyond)\b"
    rf"|\bwithout {_any_of('after_without')}\b"
    r"|\b(?:with (?:or|and)|do|does|go|goes|going|cope|live|days|came) without\b|\bwithin and without\b"
    r"|\b(?:none|no|nothing|anyone|rather|each) other than\b"
    r"|\b(?:nothing|no one|nobody|none) (?:but|except)\b|\bexcept (?:that|when|if|as|to)\b"
    r"|\bapart from (?:each other|one another)\b|\b(?:fell|fall|falling|stand) apart from\b"
    r"|\bsans[ -]serif\b|\bcomic sans\b|\bsin (?:city|embargo|of|duda)\b|\bohne (?:weiteres|zweifel)\b|\bnicht nur\b"
    r"|\bnoch nicht\b|\bpas de deux\b",
    re.IGNORECASE,
)
"""Phrases in which a cue excludes nothing that could be visible."""
QUOTED = re.compile(r"(?<![\w-])\"[^\"]*\"|“[^”]*”|„[^“”]*[“”]|«[^»]*»|(?<!\w)'[^']*'(?!\w)")
WRITTEN = re.compile(
    r"\b(?:says?|said|saying|reads?|written|sign|signs|poster|titled?|called|named|words?|text|label(?:led)?|slogan|sings?|singing"
    r"|song|quote)\b[^,;]*$",
    re.IGNORECASE,
)
"""Before a cue: the words after it are words of a text."""
REQUEST = re.compile(
    r"^(?:(?:please|ok|now)\b,?\s*)*(?:(?:can|could|would|will) you(?: please)? "
    r"|(?:i|we)(?:'m| am|'re| are)? (?:looking|searching) for "
    r"|(?:i|we)(?:'d| would)? (?:want|need|like|love|prefer)(?: to (?:see|find|have|get))? )?"
    r"(?:(?:show|find|give|get|bring|fetch|list|search|look)(?: (?:me|us|for))* )?",
    re.IGNORECASE,
)
"""Words before a description, in which a user requests it."""
SENTENCE = re.compile(
    r"\b(?:i|i'm|i've|i'd|i'll|we|we're|we've|you|you're|he|he's|she|she's|they|they're|it|it's|it'll|my|your|our|let's|don't|doesn't"
    r"|didn't|won't|can't|cannot|isn't|aren't|wasn't|weren't|couldn't|shouldn't|wouldn't|ich|wir|je|nous|yo)\b",
    re.IGNORECASE,
)
"""Before a cue: the text is a spoken sentence, and no description."""
FINITE = re.compile(
    r"\b(?:is|are|was|were|be|been|am|do|does|did|can|could|will|would|should|may|might|must|has|have|had|ist|sind|war|hat|kann)\s*$",
    re.IGNORECASE,
)
"""Directly before 'not': a negated sentence. A relative clause has cues of its own."""
