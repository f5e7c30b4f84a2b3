"""The clause of a message that decides: 'moving on, show me a dog' gives 'show me a dog'."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from mm.answers.attributes import is_object_name
from mm.answers.conversation.classes import CLASS_STEMS, CLASS_WORDS
from mm.answers.conversation.command import Command
from mm.answers.conversation.lexicon import COMMAND_WORDS
from mm.answers.conversation.references import NUMERALS, ORDINALS
from mm.answers.words import FUNCTION_WORDS, QUESTION_WORDS, REQUEST_WORDS, correct_spelling
from mm.metrics.language.word_support import stem
from mm.models.text.english_words import load_english_words

_CLAUSE = re.compile(r"(?<=[^\s\d])\s*[,;:!?.]+\s+|\s+[-\u2013\u2014]+\s+")
_AFTER_VERB = (
    r"(?=[,;:.!]| (?:show|find|look|search|give|try|go|let|i|we|is|are|where|when|what"
    r"|how|which|can|could|any|an?|the|just|only|without|with|and|now|then|instead|but)\b)"
)
"""What follows a clause that takes something back; no noun may, as in 'drop that limit'."""
_OPENING = (
    r"(?:ok(?:ay)?|so|u[hm]+|er+|hm+|well(?! done)|alright|wait|hold on|hang on|actually|sorry|oops|hey|please|pls|maybe|perhaps"
    r"|anyways?|(?:thanks|thank you)(?! (?:a|so|very)\b)|no worries|moving on|on second thoughts?"
    rf"|(?:(?:never ?mind|\bforget(?: about)?|scratch|drop|skip)(?: (?:all|of))*(?: (?:that|this|it))(?: one)?"
    rf"|never ?mind){_AFTER_VERB}"
    r"|(?:(?:the|my) )?next (?:thing|question|one|up)(?=[,;:.!])"
    r"|(?:new|another|different|other) (?:topic|question|query|search|subject)|change of (?:plans?|topic|subject))"
    r"(?: then| now| but| and)?"
)
_CORRECTION = (
    r"(?:no|nope|nah)(?=[,;:.!]* (?:an?|i|we|the|not|without|with|only|just|in|show|find|go|back|wait|that|this|it|rather)\b)"
)
_PREAMBLE = re.compile(rf"^(?:(?:{_OPENING}|{_CORRECTION})\b[\s,;:.!\u2013-]+)+(?=\w)", re.IGNORECASE)
"""Words before the message proper; 'no' before what is not excluded: 'no, the second one'."""
_VOCABULARY = (
    COMMAND_WORDS
    | CLASS_WORDS
    | FUNCTION_WORDS
    | QUESTION_WORDS
    | REQUEST_WORDS
    | frozenset(ORDINALS)
    | frozenset(NUMERALS)
    | {"like", "way"}
)
ANNOUNCING = frozenset(("a", "an", "the", "no", "any", "with", "without"))
_ASIDES = frozenset(("talk", "clear", "back"))
_OPENING_WORDS = frozenset(re.findall(r"[a-z]{5,}", _OPENING.replace(r"\b", " ")))
_WORD = re.compile(r"[\w'-]+")


def remove_preamble(message: str, names: Sequence[str], parse: Callable[[str], Command]) -> str:
    """The clause of a message that decides; the whole message when several or none do.

    `names` are the names of items in it, which are not divided. `parse` returns the command that a
    clause is. Clauses of thanks, and those before the last one that take something back, do not
    decide.
    """
    text = " ".join(message.split())
    masked = text
    for number, name in enumerate(names):
        masked = re.sub(re.escape(name), f"item{number}name", masked, flags=re.IGNORECASE)
    masked = correct_spelling(masked, _OPENING_WORDS, load_english_words())
    clauses = [clause for clause in _CLAUSE.split(masked) if clause and re.search(r"\w", clause)]
    deciding = [clause for index, clause in enumerate(clauses) if not _is_aside(clause, index == len(clauses) - 1, parse)]
    if not deciding:  # 'go back, thanks'
        deciding = [clause for clause in clauses if parse(clause).operation in ("clear", "back")][-1:]
    masked = deciding[0] if len(clauses) > 1 and len(deciding) == 1 else masked
    match = _PREAMBLE.match(masked)
    is_whole = match is None or (not names and parse(masked).operation == "talk")
    rest = masked if match is None or is_whole else masked[match.end() :]
    if rest != masked:  # 'ok, the first one then' accepts, 'the first one then' asks for what follows
        rest = re.sub(r"(?<=\w\s)then\W*$", "", rest).rstrip() or rest
    for number, name in enumerate(names):
        original = re.search(re.escape(name), text, re.IGNORECASE)
        rest = rest.replace(f"item{number}name", original[0] if original is not None else name)
    return rest


def has_content(text: str) -> bool:
    """Whether a text has a word that is not one of conversations about a library."""
    words = _WORD.findall(text.lower())
    return any(
        is_thing(before, word) or not (word.isdigit() or word in _VOCABULARY or stem(word) in CLASS_STEMS)
        for before, word in zip(["", *words], words, strict=False)
    )


def is_thing(before: str, word: str) -> bool:
    """Whether a word names an object that the word before it announces: 'a stick', not 'stick'."""
    return before in ANNOUNCING and word not in QUESTION_WORDS and is_object_name(word)


def _is_aside(clause: str, is_last: bool, parse: Callable[[str], Command]) -> bool:
    if re.search(r"item\d+name|\b(?:addition|also|besides|plus|additionally)\b", clause, re.IGNORECASE):
        return False
    operation = parse(clause).operation
    if (
        operation == "talk"
        or (not is_last and re.match(r"not\b", clause, re.IGNORECASE))
        or (not is_last and operation in _ASIDES)
    ):
        return True
    return operation == "question" and not has_content(clause) and (not is_last or len(clause.split()) == 1)
