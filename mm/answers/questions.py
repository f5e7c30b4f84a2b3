"""What a question asks for: a search, a count, an order, a place of an item, or words.

A question is parsed by its words, which is exact for times, scenes and names; what is left of it
is searched.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from mm.answers.attributes import ITEMS, Attribute, parse_attribute
from mm.answers.requests import remove_request
from mm.answers.words import FUNCTION_WORDS, QUESTION_WORDS, correct_spelling, known_words
from mm.models.text.english_words import load_english_words

QuestionKind = Literal[
    "search", "count", "count_items", "which_item", "after", "before", "first", "at_time", "in_range", "in_scene", "said", "read"
]

Media = Literal["video", "image", "audio"]

_CLOCK = re.compile(r"\b(?:(\d{1,2}):)?(\d{1,3}):(\d{2})\b")
_SCENE = re.compile(r"\bscenes? (?:number |no\.? ?|nr\.? ?|# ?)?(\d{1,5})\b|\b(\d{1,5})(?:st|nd|rd|th|\.)? scene\b")
_COUNT = re.compile(r"\bhow (?:many|often|frequently)\b|\bcount\b|\bnumber of\b|\badd up\b|\btotal\b|\btimes\b")
_COUNT_ITEMS = re.compile(rf"\b(?:how (?:many|much)|count|number of|add up|total(?: of)?|across)\b(?: \w+)? {ITEMS}\b")
_MEDIA: dict[Media, re.Pattern[str]] = {
    "audio": re.compile(r"\b(?:audio|sound|music)\b"),
    "video": re.compile(r"\b(?:videos?|vids?|films?|movies?)\b"),
    "image": re.compile(r"\b(?:photos?|pictures?|images?)\b"),
}
"""Words for one kind of items; the first that stands in the words of a count decides."""
_WHICH_ITEM = re.compile(
    rf"\b(?:which|what|name|name of)\b(?: \w+){{0,2}} {ITEMS}\b|\b(?:the|that) {ITEMS} (?:that|with|where|of)\b"
)
_OR = re.compile(r"\s*(?:,? or |, | / |/|: )\s*")
_PHRASES = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"\b(is|are) (?:three|thee|theee|theer|theere|ther) (?=(?:an?|any)\b)", r"\1 there "),
        (r"\b(?:once|as soon as|when) (.+?) (?:is|are|was|were) over\b", r"after \1"),
        (r"\b(?:once|as soon as|when) (.+?) (?:ends?|stops?|has ended|have ended|finishe[sd]|is done)\b", r"after \1"),
        (r"\b(?:go|carry|move) on (?:from|after)\b|\b(?:continue|proceed) (?:from|after)\b|\b(?:skip|go|get) past\b", "after"),
        (r"\b(?:go|step|move) back from\b|\b(?:back up|rewind) from\b", "before"),
        (r"\b(?:leads?|leading|led|right|just)(?: up)? to\b|\bup (?:to|until)\b|\bahead of\b|\bprior to\b", "before"),
        (r"\b(?:the|a) words? (\w+) (?:appear|appears|stands?|is|visible|shows?|shown|written)\b", r"written \1"),
        (r"\bvisible words?\b|\bwords? (?:visible|in the (?:picture|image|frame|photo))\b", "written"),
        (r"\b(?:add up|sum up|tall(?:y|ied))\b", "count"),
        (r"\b(?:same|how about|what about|likewise)(?: for| with)?\b", ""),
    )
)
"""Phrases, and what they are replaced by before the words are looked up."""
_PLACES = re.compile(
    r"\b(?:next|close) to\b|\b(?:straight|looking) ahead\b|\btalk(?:s|ing)? (?:to|with) (?:an?|the|his|her|another)\b"
)
"""Phrases about what is seen, whose words signal no kind of question."""
_NAMED = r"(?:\b(?:inside|within|in|of|from|out of|into|through|throughout)\s+)?"
"""A preposition before the name of an item."""
_SIGNALS: dict[QuestionKind, str] = {
    "first": "first earlier earliest sooner order sort opens",
    "said": """
        said spoken spoke speak speaks speaking speaker speakers mention mentions mentioned talk talks talked talking
        hear heard voice voices words quote discuss discusses discussed
    """,
    "read": "read reads written writing writes text texts letter letters spell spells printed",
    "before": "before prior precede precedes preceded preceding previous previously rewind",
    "after": "after afterwards follow follows followed following next then once subsequent subsequently past",
}
"""Words that signal a kind, in the order in which kinds are tried."""
_WITH_SIGNALS: dict[QuestionKind, str] = {
    "first": "comes come",
    "said": "say says repeat word words sentence line lines",
    "read": "say says copy word words stand stands sign signs label screen board",
    "before": "back from right immediately directly straight comes come just",
    "after": "over right immediately directly straight comes come just",
    "count": "times add up",
    "count_items": "across spread add up audio",
}
"""Further words that are not searched in a question of a kind."""
_SIGN = re.compile(r"\b(?:signs?|label|screen|board)\b")
_SEEN_SIGN = re.compile(r"\ban? (?:\w+ ){0,2}(?:signs?|label|screen|board)\b")
"""A sign is read, unless it is described as a thing that is seen: 'a yellow board'."""
_ARTICLES = frozenset(("a", "an", "the"))
_SIGNAL_SETS = {kind: frozenset(words.split()) for kind, words in _SIGNALS.items()}
_LEFT_OUT = {
    kind: frozenset(f"{_SIGNALS.get(kind, '')} {_WITH_SIGNALS.get(kind, '')}".split()) for kind in {**_SIGNALS, **_WITH_SIGNALS}
}
_PHRASE_WORDS = "ahead prior leads leading continue proceed rewind finished visible appears"
_ORDINALS = "first second third fourth fifth sixth seventh eighth ninth tenth"
_VOCABULARY = frozenset(f"{_PHRASE_WORDS} {_ORDINALS}".split()).union(*_LEFT_OUT.values())


@dataclass(frozen=True, slots=True)
class Question:
    """A parsed question."""

    kind: QuestionKind
    text: str
    """What is searched: the question without the words that ask."""
    start: int | None = None
    """Seconds; of `at_time` and `in_range`."""
    end: int | None = None
    scene: int | None = None
    other: str = ""
    """The second thing of `first`."""
    media: Media | None = None
    """The only kind of items that `count_items` counts."""
    attribute: Attribute | None = None
    """What the question asks of the thing; of any kind but a count or an order."""


def parse_question(message: str, item_names: Sequence[str] = ()) -> Question:
    """Parse a question. `item_names` are the names of items in it, which are left out."""
    text = " ".join(message.split())
    for name in item_names:
        text = re.sub(_NAMED + re.escape(name), " ", text, flags=re.IGNORECASE)
    text = correct_spelling(text, _VOCABULARY | known_words(), load_english_words()).lower()
    for pattern, replacement in _PHRASES:
        text = pattern.sub(replacement, text)
    parsed = parse_attribute(text)
    attribute = None if parsed is None else parsed[0]
    clocks = [_seconds(match) for match in _CLOCK.finditer(text)]
    if item_names and clocks:
        kind: QuestionKind = "in_range" if len(clocks) > 1 else "at_time"
        return Question(kind, "", min(clocks[:2]), max(clocks[:2]), attribute=attribute)
    scene = _SCENE.search(text)
    if item_names and scene:
        return Question("in_scene", "", scene=int(scene[1] or scene[2]), attribute=attribute)
    if parsed is not None:
        return Question("search", _strip(parsed[1], "search"), attribute=attribute)
    kind = _find_kind(text)
    if kind == "first":
        parts = [part for part in _OR.split(re.sub(r"[?!.;]", " ", text)) if _strip(part, kind)]
        if len(parts) > 1:
            return Question(kind, _strip(parts[-2], kind), other=_strip(parts[-1], kind))
        kind = "search"
    return Question(kind, _strip(remove_request(text) if kind == "search" else text, kind), media=_find_media(text, kind))


def _find_kind(text: str) -> QuestionKind:
    if _COUNT_ITEMS.search(text):
        return "count_items"
    if _COUNT.search(text):
        return "count"
    words = frozenset(re.findall(r"\w+", _PLACES.sub(" ", text)))
    if _SIGN.search(text) and not _SEEN_SIGN.search(text) and not words & _SIGNAL_SETS["said"]:
        return "read"
    for kind, signals in _SIGNAL_SETS.items():
        if words & signals and (kind != "first" or _OR.search(text)):
            return kind
    if words & {"say", "says"}:
        return "said"
    return "which_item" if _WHICH_ITEM.search(text) else "search"


def _find_media(text: str, kind: QuestionKind) -> Media | None:
    """The kind of items that a question counts: 'files' and 'recordings' are of any kind."""
    match = _COUNT_ITEMS.search(text) if kind == "count_items" else None
    return None if match is None else next((media for media, words in _MEDIA.items() if words.search(match[0])), None)


def _strip(text: str, kind: QuestionKind) -> str:
    """The text without the words that ask, and without marks: 'when is a dog running' gives 'a dog
    running'."""
    left_out = _LEFT_OUT.get(kind, frozenset()) | QUESTION_WORDS
    words = [word for word in re.sub(r"[^\w\s'-]", " ", text).split() if word not in left_out]
    following = [*words, "of"][1:]
    words = [word for word, then in zip(words, following, strict=True) if word not in _ARTICLES or then not in FUNCTION_WORDS]
    start = next((index for index, word in enumerate(words) if word in _ARTICLES or word not in FUNCTION_WORDS), len(words))
    while words and words[-1] in FUNCTION_WORDS:
        words.pop()
    return " ".join(words[start:])


def _seconds(match: re.Match[str]) -> int:
    hours, minutes, seconds = match.groups()
    return int(hours or 0) * 3600 + int(minutes) * 60 + int(seconds)
