"""Commands in wordings that the word lists do not hold: by classes of words and the forms of verbs.

A message is normalized: contractions are expanded, and requests such as 'could you' and 'I would
like to' are removed. Its words are compared by their stems. What is neither a function word nor of
the class of an operation is content; most operations have none.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from mm.answers.conversation import classes
from mm.answers.conversation.command import MAX_THING_WORDS, Command
from mm.answers.conversation.normalization import AFTER, BEFORE, MOVE_FROM, has_stem, is_filler, normalize
from mm.answers.conversation.preamble import has_content
from mm.answers.conversation.references import NUMERALS, ORDINALS, find_ordinal
from mm.answers.words import FUNCTION_WORDS
from mm.metrics.language.objects import default_object_words
from mm.metrics.language.word_support import stem

_ASKS = frozenset(("when", "where", "who", "whose", "whom", "why", "how", "which"))
_AUXILIARIES = frozenset(("is", "are", "was", "were", "does", "did"))
_TALK_PHRASES = re.compile(
    r"^(?:(?:ok|okay|ah|oh|well) )?(?:i see|got it|i got it|that helps?|that is (?:all|it)|makes sense|no problem|never mind)$"
)
_REPEATED = frozenset(stem(word) for word in ("same", "repeat", "again", "try", "run", "thing", "search", "query"))


def parse_restriction(message: str) -> bool:
    """Whether a message, from which the name of an item was taken, restricts the search to it."""
    words = normalize(message).split()
    asking = {"what", "describe", "many", "often"} | (frozenset() if words[:2] == ["which", "of"] else _ASKS)
    if asking & set(words) or any(word.isdigit() for word in words):
        return False
    if (BEFORE.search(" ".join(words)) or AFTER.search(" ".join(words))) and not has_stem(words, classes.ONLY):
        return False
    has_negator = bool(classes.NEGATORS & set(words)) or has_stem(words, classes.DROP - classes.RESTRICT)
    if {"out", "away", "off"} & set(words):
        return False
    if has_negator and not (has_stem(words, classes.ONLY) or {"except", "but", "other"} & set(words)):
        return False
    allowed = classes.RESTRICT | classes.ONLY | _REPEATED | (classes.DROP if has_negator else frozenset())
    content = [
        word for word in words if not is_filler(word) and word not in classes.NEGATORS | classes.ALL and stem(word) not in allowed
    ]
    return not content or (
        len(content) == 1 and words[0] == content[0] and words[-1] in ("on", "to", "with", "by") and not _is_object(content[0])
    )


def parse_by_classes(message: str) -> Command | None:
    """The command that a message without an item is, by its classes of words; None for none."""
    plain = normalize(message)
    words = plain.split()
    if not words:
        return None
    if words[0] == "where" and words[1:2] and words[1] in ("a", "an", "the", "there", "no"):
        words = ["ones", *words]  # a relative clause
    is_question = bool(set(words[2:] if words[1:2] == ["where"] else words) & _ASKS)
    is_relative = _RELATIVE.search(message.lower()) is not None
    is_question = is_question or (words[0] == "what" and not is_relative)
    for operation, is_operation in _CONTENT_FREE:
        if not is_question and is_operation(plain, words):
            return Command(operation)  # type: ignore[arg-type]
    ordinal = find_ordinal(plain)
    is_question = is_question or ("what" in words and not (is_relative or has_stem(words, classes.NARROW)))
    is_onward = BEFORE.search(plain) is not None or AFTER.search(plain) is not None
    is_onward = is_onward or re.search(r"\bthen\W*$", message) is not None
    if ordinal is not None and not is_onward and not is_question and words[0] not in _AUXILIARIES and _is_selection(words):
        return Command("select", ordinal=ordinal)
    if is_question or MOVE_FROM.search(plain):
        return None
    return _parse_direction(plain, words) or _parse_thing(words)


def _is_talk(plain: str, words: Sequence[str]) -> bool:
    if _TALK_PHRASES.search(plain):
        return True
    return has_stem(words, classes.TALK) and all(
        stem(word) in classes.TALK | classes.WITH_TALK or word in FUNCTION_WORDS for word in words
    )


def _is_clear(plain: str, words: Sequence[str]) -> bool:
    if find_ordinal(plain) not in (None, -1):
        return False
    known = classes.RESET | classes.DROP | classes.RESTRICTIONS | classes.RESULTS | classes.SAID
    if not _is_plain(words, known, classes.NEW | classes.ALL | classes.PARTICLES):
        return False
    is_all = bool({"all", "every", "any", "each", "whole"} & set(words))
    if (
        (is_all or words[0] == "no")
        and has_stem(words, classes.RESTRICTIONS)
        and any(word.endswith(("s", "criteria")) for word in words if stem(word) in classes.RESTRICTIONS)
        and not has_stem(words, classes.ITEMS)
        and (has_stem(words, classes.DROP | classes.RESET) or words[0] == "no")
    ):
        return True
    is_reset = (
        has_stem(words[:1], classes.RESET - {stem("forget"), stem("delete"), stem("discard")})
        or words[:2] == ["from", "the"]
        or words[0] in ("from", "new")
    )
    target = set(words) & (classes.NEW | {"search"})
    if "slate" in words:
        return True
    if words[0] in ("restart", "reset"):
        return not has_stem(words, classes.ITEMS | classes.RESTRICTIONS)
    return (is_reset and bool(target) and not has_stem(words, classes.ITEMS | classes.RESTRICTIONS)) or (
        has_stem(words[:1], classes.RESET | classes.DROP)
        and bool({"all", "everything"} & set(words))
        and not has_stem(words, classes.ITEMS)
    )


def _is_all_items(plain: str, words: Sequence[str]) -> bool:
    if is_of_others(plain):
        return True
    known = classes.ITEMS | classes.RESTRICTIONS | classes.RESTRICT | classes.WIDEN | classes.DROP | classes.ONLY
    if not _is_plain(words, known, classes.ALL | classes.NEGATORS | {"stop", "unrestricted", "unlimited", "unfiltered"}):
        return False
    is_negated = bool(classes.NEGATORS & set(words)) or has_stem(words, classes.DROP) or words[0] == "stop"
    if {"unrestricted", "unlimited", "unfiltered"} & set(words):
        return True
    if has_stem(words, classes.RESTRICTIONS):
        return is_negated
    if is_negated and (has_stem(words, classes.ONLY) or has_stem(words, classes.NARROW)):
        return has_stem(words, classes.ITEMS)
    if {"everywhere", "anywhere"} & set(words):
        return True
    is_wide = bool(classes.ALL & set(words)) and not is_negated
    return is_wide and (has_stem(words, classes.ITEMS) or has_stem(words, classes.EXPAND))


_RELATIVE = re.compile(
    r"\b(?:only|just|want|need|mean|meant|prefer) what (?:came|comes|is|was|precedes|follows|happens|happened)\b"
)
"""'What' that asks nothing: 'I want what came before it'."""
_OTHERS = re.compile(
    r"\b(?:not|never) (?:only|just|merely) (?:in |here|from )?(?:this|that|there|here|the)\b"
    r"|\b(?:search|check|include|use|try|look (?:in|at|through)|in|from) (?:all )?the (?:rest|others?)\b"
    r"|^(?:\bforget|drop|ignore|leave|lose)(?: about)? (?:that|this|the)(?: (?:one|single))? (?:file|video|clip|item|recording)\b"
    r"|\b(?:not|stop) (?:stick|stay|limit|restrict|confin)\w*(?: (?:it|yourself|the search))?(?: only)?"
    r" (?:to|in|with) (?:this|that|it|one|the)\b"
)
"""The search is not limited to the item that a message points at."""


def is_of_others(plain: str) -> bool:
    """Whether a message says that not only the item of the conversation is searched."""
    return _OTHERS.search(plain) is not None and not has_content(plain)


def _is_back(plain: str, words: Sequence[str]) -> bool:
    if re.search(r"\bback in time\b|\bback (?:from|of)\b|\bfurther\b", plain) or not _is_plain(
        words,
        classes.UNDO | classes.RESULTS | classes.RESTRICTIONS | classes.PAST | classes.DROP,
        {"had", "mind", "one", "mean", "meant", "wrong", "mistake", "oops"},
    ):
        return False
    if re.search(
        r"\b(?:what|as) (?:we|i|it|you) (?:had|was|were)\b|\bgo back\b|^(?:one |take (?:that|it|this) )?back(?: up| one| a)?\b",
        plain,
    ):
        return True
    if set(words) & {"undo", "revert", "reverse", "undoing", "rollback"}:
        return True
    has_past = has_stem(words, classes.PAST) and (
        has_stem(words[1:], classes.RESULTS | classes.RESTRICTIONS)
        or ("one" in words and has_stem(words, classes.RETURN) and "to" in words)
    )
    return has_past or (has_stem(words[:1], classes.UNDO) and "back" in words)


_CONTENT_FREE = (("talk", _is_talk), ("clear", _is_clear), ("all_items", _is_all_items), ("back", _is_back))


def _is_selection(words: Sequence[str]) -> bool:
    """Whether only words of a choice stand beside an ordinal; the first verb may be unknown."""
    rest = [
        word
        for word in words
        if not (
            is_filler(word)
            or word in ORDINALS
            or word in NUMERALS
            or word == "last"
            or word.isdigit()
            or stem(word) in classes.LISTED
        )
    ]
    if has_stem(words, classes.ITEMS) and not _is_item_beside_ordinal(words):
        return False  # which item it is of, is a question
    is_verb = rest == [words[0]] and not _is_object(words[0]) and len(words) > 2
    return (not rest or is_verb) and not has_stem(
        words, classes.RESTRICTIONS | (classes.RESULTS - classes.LISTED - {stem("list")})
    )


def _is_item_beside_ordinal(words: Sequence[str]) -> bool:
    numerals = {*ORDINALS, *NUMERALS, "last"}
    pairs = list(zip(["", *words], words, strict=False))
    return all(
        before in numerals or before.isdigit() or words[index + 1 : index + 2] == ["number"]
        for index, (before, word) in enumerate(pairs)
        if stem(word) in classes.ITEMS
    )


def _parse_direction(plain: str, words: Sequence[str]) -> Command | None:
    before, after = BEFORE.search(plain), AFTER.search(plain)
    rest = AFTER.sub(" ", BEFORE.sub(" ", plain)).split()
    if (before is None and after is None) or any(not is_filler(word) and stem(word) not in classes.MOVE for word in rest):
        return None
    if before is not None and (after is None or before.start() < after.start() or len(before[0]) > len(after[0])):
        return Command("earlier")
    return Command("later")


def _parse_thing(words: Sequence[str]) -> Command | None:
    """'Without' or 'also' with what they name."""
    if words[0] in _AUXILIARIES and not {"it", "them", "these", "those"} & set(words):
        return None
    marks = [index for index, word in enumerate(words) if word in classes.NEGATORS]
    if has_stem(words[:1], classes.DROP):
        marks.append(0)
    is_content = [
        not (is_filler(word) or stem(word) in classes.HOLD | classes.ADD | classes.ONLY | classes.LISTED) for word in words
    ]
    if marks:
        is_content = [
            value and index not in marks and word not in classes.PARTICLES
            for index, (value, word) in enumerate(zip(is_content, words, strict=True))
        ]
    if " ".join(words[-3:]) in ("has to go", "have to go", "needs to go", "need to go", "must go now"):
        is_content[-3:], marks = [False] * 3, [len(words) - 1]
    if " ".join(words[:2]) in ("anything but", "everything but", "nothing with", "all but", "other than"):
        marks = [1]
    thing = [word for word, value in zip(words, is_content, strict=True) if value]
    if not 0 < len(thing) <= MAX_THING_WORDS:
        return None
    if marks:
        has_both = any(is_content[: marks[0]]) and any(is_content[marks[0] :])
        return Command("question") if has_both else Command("without", " ".join(thing))
    is_limited = words[0] in ("with", "featuring", "having", "containing", "showing") or (
        words[0] in ("only", "just", "those", "ones", "where", "having", "it", "they", "these")
        and has_stem(words[1:], classes.HOLD)
    )
    return Command("also", " ".join(thing)) if is_limited or has_stem(words, classes.ADD) else None


def _is_plain(words: Sequence[str], stems: frozenset[str], others: frozenset[str] | set[str]) -> bool:
    """Whether all words are function words, of `others`, or of the classes."""
    return all(is_filler(word) or word in others or stem(word) in stems for word in words)


def _is_object(word: str) -> bool:
    return bool(default_object_words().find((word,)))
