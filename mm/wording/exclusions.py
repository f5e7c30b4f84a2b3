"""What a text asks for, and what it excludes: 'dog not in water' is 'dog' without 'water'.

A text is parsed by a small grammar (`grammar`): a cue such as 'without', the excluded phrase after
it, and the rest, which is what is searched. Quoted words, fixed phrases ('no parking'), and
spoken sentences ('I do not know') are left as they are.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from mm.wording import grammar

MAX_EXCLUDED = 8
"""Excluded things of a text, at most; a text with more is not parsed."""
MAX_WORDS = 40
"""A longer text is a quotation and not parsed."""
MAX_PHRASE_WORDS = 6
"""Words of one excluded thing, at most."""
_CLAUSE_END = re.compile(r"\s[-–—]+\s|[.;:!?()\n]")
_JOIN = r"(?:and|but|or|und|aber|et|mais|y|pero)"
_LEFT_OVER = re.compile(rf"^(?:[\s,;]|{_JOIN}\b(?!-))+|(?:[\s,;]|\b{_JOIN})+$", re.IGNORECASE)
_OR = re.compile(r"\b(?:or|nor|oder|ou)\b", re.IGNORECASE)
_AND_OR = re.compile(r"\b(?:and|or|nor|und|oder|et|ou|y)\b", re.IGNORECASE)
_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True)
class ParsedText:
    """A text as it is searched."""

    text: str
    """What is searched; empty where the text only excludes."""
    without: tuple[str, ...] = ()
    """What must be neither visible nor spoken."""


@dataclass(frozen=True, slots=True)
class _Exclusion:
    start: int
    end: int
    phrases: tuple[str, ...]


def parse_exclusions(text: str) -> ParsedText:
    """Parse a text; without an exclusion, `text` is returned as it is.

    All words of the result are words of the text, in their order.
    """
    if len(_WORD.findall(text)) > MAX_WORDS:
        return ParsedText(text)
    plain = text.replace("’", "'").replace("´", "'")
    protected = [match.span() for pattern in (grammar.QUOTED, grammar.FIXED) for match in pattern.finditer(plain)]
    exclusions = _find_exclusions(plain, protected)
    phrases = [phrase for exclusion in exclusions for phrase in exclusion.phrases]
    if not 0 < len(phrases) <= MAX_EXCLUDED:
        return ParsedText(text)
    rest, end = [], 0
    for exclusion in exclusions:
        rest.append(plain[end : exclusion.start])
        end = exclusion.end
    wanted = _tidy(" ".join([*rest, plain[end:]]))
    if _names_nothing(wanted):
        wanted = ""
    return ParsedText(wanted, tuple(dict.fromkeys(phrases)))


def _find_exclusions(text: str, protected: Sequence[tuple[int, int]]) -> list[_Exclusion]:
    minuses = [
        _Exclusion(*match.span(), (match["word"] or match["phrase"].strip(),))
        for match in grammar.MINUS.finditer(text)
        if (match["word"] or match["phrase"]).strip()
    ]
    exclusions: list[_Exclusion] = []
    start = 0
    while (found := _next_cue(text, start, protected)) is not None:
        cue, match = found
        start = match.end()
        limit = min((minus.start for minus in minuses if minus.start >= start), default=len(text))
        following = _next_cue(text, start, protected)
        if following is not None:
            limit = min(limit, following[1].start())
        exclusion = _read_phrases(text, cue, match, limit)
        if exclusion is not None:
            exclusions.append(exclusion)
            start = exclusion.end
    inside = [
        minus
        for minus in minuses
        if not any(entry.start <= minus.start < entry.end for entry in exclusions)
        and not any(first <= minus.start < last for first, last in protected)
    ]
    return sorted([*exclusions, *inside], key=lambda entry: entry.start)


def _next_cue(text: str, start: int, protected: Sequence[tuple[int, int]]) -> tuple[grammar.Cue, re.Match[str]] | None:
    """The first cue from a position on that excludes something; of several at it, the longest."""
    matches = [
        (cue, match)
        for cue in grammar.CUES
        for match in cue.pattern.finditer(text, start)
        if _is_exclusion(text, match, protected)
    ]
    return min(matches, key=lambda entry: (_first_word(entry[1]), -entry[1].end()), default=None)


def _first_word(match: re.Match[str]) -> int:
    return match.start() + len(match[0]) - len(match[0].lstrip(" ,"))


def _is_exclusion(text: str, match: re.Match[str], protected: Sequence[tuple[int, int]]) -> bool:
    if any(first < match.end() and match.start() < last for first, last in protected):
        return False
    before = grammar.REQUEST.sub("", text[: match.start()])
    if grammar.SENTENCE.search(before) or grammar.WRITTEN.search(before):
        return False
    cue = match[0].strip(" ,").lower()
    if cue == "sin" or cue.startswith("no "):
        return cue != "sin" or grammar.SPANISH.search(text[: match.start()] + text[match.end() :]) is not None
    if cue == "sans":
        return grammar.FRENCH.search(text[: match.start()] + text[match.end() :]) is not None
    return not (cue.startswith(("not", "nicht")) and grammar.FINITE.search(before))


def _read_phrases(text: str, cue: grammar.Cue, match: re.Match[str], limit: int) -> _Exclusion | None:
    """The phrases after a cue and the range of both; None where nothing is named."""
    region = text[match.end() : limit]
    if (clause_end := _CLAUSE_END.search(region)) is not None:
        region = region[: clause_end.start()]
    region = _cut_commas(region, cue)
    if cue.extent == "noun":
        lead = grammar.LEADING.match(region.lstrip())
        skipped = len(region) - len(region.lstrip()) + (0 if lead is None else lead.end())
        ends = [found for pattern in (cue.stop, grammar.TRAILING) if (found := pattern.search(region, skipped)) is not None]
        if (stop := min(ends, key=lambda found: found.start(), default=None)) is not None:
            region = region[: stop.start()]
    things = [_clean(thing) for thing in _split_list(region)]
    if not things or not all(things):
        return None
    end = match.end() + len(region)
    trailing = grammar.TRAILING.match(text[:limit], end) if cue.extent == "noun" else None
    return _Exclusion(match.start(), end if trailing is None else trailing.end(), tuple(things))


def _cut_commas(region: str, cue: grammar.Cue) -> str:
    """The region up to a comma that does not separate things of a list: 'cars, dogs or people'."""
    pieces = region.split(",")
    last = 0
    joining = _OR if cue.extent == "clause" else _AND_OR
    for number, piece in enumerate(pieces[1:], 1):
        words = _WORD.findall(piece)
        if not 0 < len(words) <= MAX_PHRASE_WORDS or cue.stop.match(f" {words[0]} ") or words[0].lower() in ("with", "but"):
            break
        if joining.search(piece) and "with" not in map(str.lower, words):
            last = number
            break
    return ",".join(pieces[: last + 1])


def _split_list(region: str) -> list[str]:
    """The things of a list: 'cars, dogs or people' gives three."""
    kept = grammar.UNSPLIT.sub(lambda match: match[0].replace(" ", "\0"), region)
    return [piece.replace("\0", " ") for piece in grammar.LIST.split(kept)]


def _clean(phrase: str) -> str:
    """The phrase without determiners and marks; empty where it names nothing."""
    phrase = " ".join(phrase.split()).strip(" ,'\"“”„«»-")
    phrase = grammar.LEADING.sub("", phrase)
    words = _WORD.findall(phrase.lower())
    is_thing = any(word not in grammar.EMPTY and not word.isdigit() for word in words)
    return phrase if is_thing and len(words) <= MAX_PHRASE_WORDS else ""


def _tidy(text: str) -> str:
    text = re.sub(r"\s+([,.;:!?])", r"\1", " ".join(text.split()))
    text = re.sub(r"(?:,\s*)+,", ",", text)
    return _LEFT_OVER.sub("", text).strip()


def _names_nothing(text: str) -> bool:
    return all(word in grammar.GENERIC for word in _WORD.findall(text.lower()))
