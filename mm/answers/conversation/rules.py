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
from mm.answers.conversation.references import NUMERALS, ORDINALS, find_ordinal
from mm.answers.words import FUNCTION_WORDS, QUESTION_WORDS
from mm.metrics.language.objects import default_object_words
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
_REQUEST = re.compile(
    r"^(?:(?:please|pls|kindly|ok|okay|now|then|so|well|actually|and|but|maybe|hey|hm+|oh|no wait|just)\b\s*)*"
    r"(?:(?:could|can|would|will|may|might) (?:you|we|i)(?: please| kindly| just| maybe)?\b\s*"
    r"|(?:i|we) (?:would |do )?(?:just )?(?:like|want|love|need|prefer|wish|mean|meant|choose)(?: you)?(?: to)?\b\s*"
    r"|would (?:like|love|prefer)(?: to)?\b\s*|(?:i|we) (?:will|am|are|shall)(?: going to)?\b\s*"
    r"|(?:let us|let me|try to|go ahead and|is it possible to|how about|what about)\b\s*)*"
    r"(?:(?:please|just|now)\b\s*)*"
)
_ASKS = frozenset(("when", "where", "who", "whose", "whom", "why", "how", "which"))
_AUXILIARIES = frozenset(("is", "are", "was", "were", "does", "did"))
_NEAR = r"(?:close|closer|near|nearer|towards?) (?:to )?(?:the )?"
_BEFORE = re.compile(
    r"\b(?:before|beforehand|earlier|prior|previous(?:ly)?|preced\w+|sooner|backwards?|rewind\w*|until|till|ahead of"
    rf"|{_NEAR}(?:start|beginning|front)|lead\w* (?:up )?to|led up to|back in time|wind back|scroll back|play back)\b"
)
_MOVE_FROM = re.compile(r"\b(?:(?:go|carry|move|step) (?:on|back)|back up|rewind|continue|proceed) (?:from|after)\b")
"""Asks for the moment after or before another one, which is a question."""
_AFTER = re.compile(
    r"\b(?:after|afterwards?|later|subsequent(?:ly)?|follow(?:s|ed|ing)?|succeed\w*|onwards?|forwards?|next"
    r"|behind (?:it|this|that)|past (?:it|this|that|the)|(?:continu|proceed)\w*|ahead in time"
    r"|further (?:on|ahead|along|down)|since|beyond|from (?:there|here|(?:that|this)(?: \w+)?)(?: on)?$"
    rf"|(?:carry|go|move|keep) (?:on|going)|{_NEAR}end)\b"
)
_TALK_PHRASES = re.compile(
    r"^(?:(?:ok|okay|ah|oh|well) )?(?:i see|got it|i got it|that helps?|that is (?:all|it)|makes sense|no problem|never mind)$"
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
    for pattern, replacement in _CONTRACTIONS:
        text = pattern.sub(replacement, text)
    text = re.sub(r"#\s?(?=\d)", "number ", text)
    text = _NUMBERED.sub(lambda match: f"number {_NUMBER_WORDS.get(match[1], match[1])}", text)
    text = " ".join(re.findall(r"[\w'-]+", text.replace("final", "last")))
    text = _REQUEST.sub("", text)
    return re.sub(r"(?: (?:please|pls|thanks|now|then|again|anymore|any more|instead|so))+$", "", text)


def parse_restriction(message: str) -> bool:
    """Whether a message, from which the name of an item was taken, restricts the search to it."""
    words = normalize(message).split()
    if set(words) & (_ASKS | {"what", "describe", "many", "often"}) or any(word.isdigit() for word in words):
        return False
    if (_BEFORE.search(" ".join(words)) or _AFTER.search(" ".join(words))) and not _has(words, classes.ONLY):
        return False
    has_negator = bool(classes.NEGATORS & set(words)) or _has(words, classes.DROP - classes.RESTRICT)
    if {"out", "away", "off"} & set(words):
        return False
    if has_negator and not (_has(words, classes.ONLY) or {"except", "but", "other"} & set(words)):
        return False
    allowed = classes.RESTRICT | classes.ONLY | (classes.DROP if has_negator else frozenset())
    content = [
        word
        for word in words
        if not _is_filler(word) and word not in classes.NEGATORS | classes.ALL and stem(word) not in allowed
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
    is_question = is_question or words[0] == "what"
    for operation, is_operation in _CONTENT_FREE:
        if not is_question and is_operation(plain, words):
            return Command(operation)  # type: ignore[arg-type]
    ordinal = find_ordinal(plain)
    is_question = is_question or ("what" in words and not _has(words, classes.NARROW))
    is_onward = _BEFORE.search(plain) is not None or _AFTER.search(plain) is not None
    is_onward = is_onward or re.search(r"\bthen\W*$", message) is not None
    if ordinal is not None and not is_onward and not is_question and words[0] not in _AUXILIARIES and _is_selection(words):
        return Command("select", ordinal=ordinal)
    if is_question or _MOVE_FROM.search(plain):
        return None
    return _parse_direction(plain, words) or _parse_thing(words)


def _is_talk(plain: str, words: Sequence[str]) -> bool:
    if _TALK_PHRASES.search(plain):
        return True
    return _has(words, classes.TALK) and all(
        stem(word) in classes.TALK | classes.WITH_TALK or word in FUNCTION_WORDS for word in words
    )


def _is_clear(plain: str, words: Sequence[str]) -> bool:
    known = classes.RESET | classes.DROP | classes.RESTRICTIONS | classes.RESULTS | classes.SAID
    if not _is_plain(words, known, classes.NEW | classes.ALL | classes.PARTICLES):
        return False
    is_all = bool({"all", "every", "any", "each", "whole"} & set(words))
    if (
        (is_all or words[0] == "no")
        and _has(words, classes.RESTRICTIONS)
        and any(word.endswith(("s", "criteria")) for word in words if stem(word) in classes.RESTRICTIONS)
        and not _has(words, classes.ITEMS)
        and (_has(words, classes.DROP | classes.RESET) or words[0] == "no")
    ):
        return True
    is_reset = (
        _has(words[:1], classes.RESET - {stem("forget"), stem("delete"), stem("discard")})
        or words[:2] == ["from", "the"]
        or words[0] in ("from", "new")
    )
    target = set(words) & (classes.NEW | {"search"})
    if "slate" in words:
        return True
    if words[0] in ("restart", "reset"):
        return not _has(words, classes.ITEMS | classes.RESTRICTIONS)
    return (is_reset and bool(target) and not _has(words, classes.ITEMS | classes.RESTRICTIONS)) or (
        _has(words[:1], classes.RESET | classes.DROP)
        and bool({"all", "everything"} & set(words))
        and not _has(words, classes.ITEMS)
    )


def _is_all_items(plain: str, words: Sequence[str]) -> bool:
    known = classes.ITEMS | classes.RESTRICTIONS | classes.RESTRICT | classes.WIDEN | classes.DROP | classes.ONLY
    if not _is_plain(words, known, classes.ALL | classes.NEGATORS | {"stop", "unrestricted", "unlimited", "unfiltered"}):
        return False
    is_negated = bool(classes.NEGATORS & set(words)) or _has(words, classes.DROP) or words[0] == "stop"
    if {"unrestricted", "unlimited", "unfiltered"} & set(words):
        return True
    if _has(words, classes.RESTRICTIONS):
        return is_negated
    if is_negated and (_has(words, classes.ONLY) or _has(words, classes.NARROW)):
        return _has(words, classes.ITEMS)
    if {"everywhere", "anywhere"} & set(words):
        return True
    is_wide = bool(classes.ALL & set(words)) and not is_negated
    return is_wide and (_has(words, classes.ITEMS) or _has(words, classes.EXPAND))


def _is_back(plain: str, words: Sequence[str]) -> bool:
    if re.search(r"\bback in time\b|\bback (?:from|of)\b", plain) or not _is_plain(
        words,
        classes.UNDO | classes.RESULTS | classes.PAST | classes.DROP,
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
    has_past = _has(words, classes.PAST) and (
        _has(words, classes.RESULTS) or ("one" in words and _has(words, classes.RETURN) and "to" in words)
    )
    return has_past or (_has(words[:1], classes.UNDO) and "back" in words)


_CONTENT_FREE = (("talk", _is_talk), ("clear", _is_clear), ("all_items", _is_all_items), ("back", _is_back))


def _is_selection(words: Sequence[str]) -> bool:
    """Whether only words of a choice stand beside an ordinal; the first verb may be unknown."""
    rest = [
        word
        for word in words
        if not (
            _is_filler(word)
            or word in ORDINALS
            or word in NUMERALS
            or word == "last"
            or word.isdigit()
            or stem(word) in classes.LISTED
        )
    ]
    if _has(words, classes.ITEMS) and not _is_item_beside_ordinal(words):
        return False  # which item it is of, is a question
    is_verb = rest == [words[0]] and not _is_object(words[0]) and len(words) > 2
    return (not rest or is_verb) and not _has(words, classes.RESTRICTIONS | (classes.RESULTS - classes.LISTED - {stem("list")}))


def _is_item_beside_ordinal(words: Sequence[str]) -> bool:
    numerals = {*ORDINALS, *NUMERALS, "last"}
    pairs = list(zip(["", *words], words, strict=False))
    return all(
        before in numerals or before.isdigit() or words[index + 1 : index + 2] == ["number"]
        for index, (before, word) in enumerate(pairs)
        if stem(word) in classes.ITEMS
    )


def _parse_direction(plain: str, words: Sequence[str]) -> Command | None:
    before, after = _BEFORE.search(plain), _AFTER.search(plain)
    rest = _AFTER.sub(" ", _BEFORE.sub(" ", plain)).split()
    if (before is None and after is None) or any(not _is_filler(word) and stem(word) not in classes.MOVE for word in rest):
        return None
    if before is not None and (after is None or before.start() < after.start() or len(before[0]) > len(after[0])):
        return Command("earlier")
    return Command("later")


def _parse_thing(words: Sequence[str]) -> Command | None:
    """'Without' or 'also' with what they name."""
    if words[0] in _AUXILIARIES and not {"it", "them", "these", "those"} & set(words):
        return None
    marks = [index for index, word in enumerate(words) if word in classes.NEGATORS]
    if _has(words[:1], classes.DROP):
        marks.append(0)
    is_content = [
        not (_is_filler(word) or stem(word) in classes.HOLD | classes.ADD | classes.ONLY | classes.LISTED) for word in words
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
        words[0] in ("only", "just", "those", "ones", "where", "having", "it", "they", "these") and _has(words[1:], classes.HOLD)
    )
    return Command("also", " ".join(thing)) if is_limited or _has(words, classes.ADD) else None


def _has(words: Sequence[str], stems: frozenset[str]) -> bool:
    return any(stem(word) in stems for word in words)


def _is_filler(word: str) -> bool:
    return word in FUNCTION_WORDS or word in QUESTION_WORDS


def _is_plain(words: Sequence[str], stems: frozenset[str], others: frozenset[str] | set[str]) -> bool:
    """Whether all words are function words, of `others`, or of the classes."""
    return all(_is_filler(word) or word in others or stem(word) in stems for word in words)


def _is_object(word: str) -> bool:
    return bool(default_object_words().find((word,)))
