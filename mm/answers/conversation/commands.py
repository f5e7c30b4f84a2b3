"""Which command a message is: 'only in talk.mp4', 'the second one', 'without the dog', 'go back'.

A message is a command when all its words belong to the command. Everything else is a question.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from mm.answers.conversation import lexicon
from mm.answers.conversation.classes import CLASS_WORDS
from mm.answers.conversation.command import MAX_THING_WORDS, Command, Operation
from mm.answers.conversation.preamble import has_content
from mm.answers.conversation.references import NUMERALS, ORDINALS, find_ordinal
from mm.answers.conversation.refinements import parse_refinement
from mm.answers.conversation.rules import is_of_others, parse_by_classes, parse_restriction
from mm.answers.words import FUNCTION_WORDS, QUESTION_WORDS, REQUEST_WORDS, correct_spelling, known_words
from mm.models.text.english_words import load_english_words

_WORD = re.compile(r"[\w'.-]*[\w']")
_ASKS = frozenset(["when", "where", "who", "whose", "why", "how", "which"])
_WISH = re.compile(r"^(?:and |now )*(?:i|we) (?:now |really |do )*(?:need|want)\b|^(?:and |now )*do (?:we|i|you) have\b")
_REFERENCES = frozenset(("it", "them", "these", "those"))


def parse_command(message: str, item_names: Sequence[str], *, has_query: bool) -> Command:
    """Parse a message. `item_names` are the names of items in it.

    Without a query before it, `has_query`, a message can only be a question, talk, or a restriction
    to items.
    """
    text = " ".join(message.replace("&", " and ").split())
    for name in item_names:
        text = re.sub(re.escape(name), " ", text, flags=re.IGNORECASE)
    text = _correct_ordinal(fix_spelling(text).lower())
    words = _WORD.findall(text)
    if item_names:
        is_limit = set(words) <= lexicon.LIMIT and not set(words) & {"what", "when"}
        return Command("only_item" if is_limit or parse_restriction(text) else "question")
    if words and set(words) & lexicon.TALK and set(words) <= lexicon.TALK | lexicon.WITH_TALK:
        return Command("talk")
    if not has_query:
        return Command("question")
    plain = " ".join(words)
    if is_of_others(plain):
        return Command("all_items")
    if not has_content(plain) and len(words) <= _MAX_PATTERN_WORDS:
        for operation, pattern in _PATTERNS:
            if pattern.search(plain):
                return Command(operation)
    if (refinement := parse_refinement(text)) is not None:
        return refinement
    command = _parse_words(plain)
    if command.operation in ("question", "without", "also"):
        return parse_by_classes(text) or command
    return command


def fix_spelling(text: str) -> str:
    """Correct the spelling of words of commands, of questions and of objects.

    A word that is an English one stays as it is.
    """
    candidates = lexicon.COMMAND_WORDS | CLASS_WORDS | known_words() | REQUEST_WORDS | frozenset(ORDINALS)
    return correct_spelling(text, candidates, load_english_words())


def _correct_ordinal(text: str) -> str:
    """Correct an ordinal that a typing error made another word: 'the forth one'."""
    match = _ORDINAL_PLACE.search(text)
    word = match["word"] if match is not None else ""
    corrected = correct_spelling(word, frozenset(ORDINALS))
    if match is None or corrected not in ORDINALS:
        return text
    return f"{text[: match.start('word')]}{corrected}{text[match.end('word') :]}"


_ORDINAL_PLACE = re.compile(
    r"(?:\b(?:the|that)|^) ?(?P<word>\w+)(?= (?:one|hit|result|match|moment)\b|(?<=^the \w{4})\W*$|(?<=^the \w{5})\W*$)"
)


_PATTERNS: tuple[tuple[Operation, re.Pattern[str]], ...] = (
    ("clear", lexicon.CLEAR),
    ("all_items", lexicon.ALL_ITEMS),
    ("back", lexicon.BACK),
)
_MAX_PATTERN_WORDS = 10


def _parse_words(plain: str) -> Command:
    for phrase, word in lexicon.PHRASES.items():
        plain = re.sub(rf"\b{phrase}\b", word, plain)
    words = plain.split()
    present = set(words)
    ordinal = find_ordinal(plain)
    numerals = {*ORDINALS, *NUMERALS, "last", *(word for word in words if word.isdigit())}
    if ordinal is not None and present - numerals <= lexicon.SELECT:
        return Command("select", ordinal=ordinal)
    is_what = re.match(r"(?:and |then )?what (?:comes|happens|is|was|happened)\b", plain) is not None
    for operation, signals in (("earlier", lexicon.EARLIER), ("later", lexicon.LATER)):
        if present & signals and present <= signals | lexicon.WITH_TIME and not is_what:
            return Command(operation)  # type: ignore[arg-type]
    if present & _ASKS or is_what or words[:1] == ["what"]:
        return Command("question")
    thing = _take_thing(words, lexicon.WITHOUT, lexicon.WITH_WITHOUT)
    if thing:
        return Command("without", thing)
    is_inside = bool(present & _REFERENCES)
    if _WISH.match(plain) and not present & (_REFERENCES | lexicon.ALSO - {"need", "and"}) and "in it" not in plain:
        return Command("question")
    if words[:1] in (["is"], ["are"]) and not is_inside:
        return Command("question")
    if words[:1] == ["and"] and words[1:2] and words[1] in ("a", "an", "the"):
        return Command("question")
    signals = lexicon.ALSO | {"and"} if words[:1] == ["and"] else lexicon.ALSO
    thing = _take_thing(words, signals, lexicon.WITH_ALSO)
    return Command("also", thing) if thing else Command("question")


def _take_thing(words: Sequence[str], signals: frozenset[str], filler: frozenset[str]) -> str:
    """What remains of a command beside its own words; empty without a signal, and for too much."""
    if not signals & set(words):
        return ""
    thing = [word for word in words if word not in signals and word not in filler and word not in QUESTION_WORDS]
    return " ".join(word for word in thing if word not in FUNCTION_WORDS) if len(thing) <= MAX_THING_WORDS else ""
