"""The words of a message in one form, and phrases of directions in time."""

from __future__ import annotations

import re
from collections.abc import Sequence

from mm.answers.words import FUNCTION_WORDS, QUESTION_WORDS, REQUEST_WORDS
from mm.metrics.language.word_support import stem

_CONTRACTIONS = (
    (re.compile(r"\b(ca|do|does|did|wo|is|are|was|were|should|must|would|could|have|has|need)n'?t\b"), r"\1 not"),
    (re.compile(r"\bcannot\b|\bca not\b"), "can not"),
    (re.compile(r"\b(let|that|there|it|what|who|where|when|how|here|he|she)'s\b"), r"\1 is"),
    (re.compile(r"\blet is\b|\blets\b"), "let us"),
    (re.compile(r"'d\b"), " would"),
    (re.compile(r"'ll\b"), " will"),
    (re.compile(r"'m\b"), " am"),
    (re.compile(r"'re\b"), " are"),
    (re.compile(r"'ve\b"), " have"),
    (re.compile(r"\b(\w+)-(?:free|less)\b"), r"without \1"),
    (re.compile(r"\bun-(?=do)"), "un"),
)
_THERE = re.compile(r"(?<=\b(?:is|if)) (?:three|thee|theee|theere|thre|ther)(?=(?:'s)? (?:an?|any|no|must|should|also)\b)")
"""Typing errors of 'there' that are other words, or have several corrections."""
_REQUEST = re.compile(
    r"^(?:(?:please|pls|kindly|ok|okay|now|then|so|well|actually|and|but|maybe|hey|hm+|oh|no wait|just)\b\s*)*"
    r"(?:(?:could|can|would|will|may|might) (?:you|we|i)(?: please| kindly| just| maybe)?\b\s*"
    r"|(?:i|we) (?:would |do )?(?:just )?(?:like|want|love|need|prefer|wish|mean|meant|choose)(?: you)?(?: to)?\b\s*"
    r"|would (?:like|love|prefer)(?: to)?\b\s*|(?:i|we) (?:will|am|are|shall)(?: going to)?\b\s*"
    r"|(?:let us|let me|try to|go ahead and|is it possible to|how about|what about)\b\s*)*"
    r"(?:(?:please|just|now)\b\s*)*"
)
_NEAR = r"(?:close|closer|near|nearer|towards?) (?:to )?(?:the )?"
BEFORE = re.compile(
    r"\b(?:before|beforehand|earlier|prior|previous(?:ly)?|preced\w+|sooner|backwards?|rewind\w*|until|till|ahead of"
    rf"|{_NEAR}(?:start|beginning|front)|lead\w* (?:up )?to|led up to|back in time|wind back|scroll back|play back|further back"
    r"|back further|up (?:to|until) (?:that|this|then|it|here|there))\b"
)
MOVE_FROM = re.compile(r"\b(?:(?:go|carry|move|step) (?:on|back)|back up|rewind|continue|proceed) (?:from|after)\b")
"""Asks for the moment after or before another one, which is a question."""
AFTER = re.compile(
    r"\b(?:after|afterwards?|later|subsequent(?:ly)?|follow(?:s|ed|ing)?|succeed\w*|onwards?|forwards?|next"
    r"|behind (?:it|this|that)|past (?:it|this|that|the)|(?:continu|proceed)\w*|ahead in time"
    r"|further (?:on|ahead|along|down)|ahead in|(?:from )?(?:then|there|here) on|since|beyond"
    r"|from (?:there|here|(?:that|this)(?: \w+)?)(?: on)?$"
    rf"|(?:carry|go|move|keep) (?:on|going)|{_NEAR}end)\b"
)
_NUMBER_WORDS = {
    "one": "1", "two": "2", "three": "3", "four": "4", "five": "5",
    "six": "6", "seven": "7", "eight": "8", "nine": "9", "ten": "10",
}  # fmt: skip
_NUMBERED = re.compile(
    r"\b(?:number|no|nr|item|result|hit|clip|option|video|moment|entry|match)\.? "
    rf"({'|'.join(_NUMBER_WORDS)}|\d+)\b"
)


def normalize(text: str) -> str:
    """A lower-case message without marks, contractions and words of request."""
    text = _THERE.sub(" there", re.sub(r"\bu\b", "you", text))
    for pattern, replacement in _CONTRACTIONS:
        text = pattern.sub(replacement, text)
    text = re.sub(r"#\s?(?=\d)", "number ", text)
    text = _NUMBERED.sub(lambda match: f"number {_NUMBER_WORDS.get(match[1], match[1])}", text)
    text = " ".join(re.findall(r"[\w'-]+", text.replace("final", "last")))
    text = _REQUEST.sub("", text)
    return re.sub(r"(?: (?:please|pls|thanks|now|then|again|anymore|any more|instead|so))+$", "", text)


def has_stem(words: Sequence[str], stems: frozenset[str]) -> bool:
    return any(stem(word) in stems for word in words)


def is_filler(word: str) -> bool:
    return word in FUNCTION_WORDS or word in QUESTION_WORDS or word in REQUEST_WORDS
