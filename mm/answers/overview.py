"""Messages about the whole library, a whole item or its first or last part, by their words.

'how many videos do I have', 'what is said in talk.mp4', 'what happens in the last minute',
'what about photos?', 'what can you do?'.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from mm.answers.check import REASON_NOTHING
from mm.answers.conversation.references import POINTING, find_ordinal
from mm.answers.describe import ALL_KINDS, describe
from mm.answers.evidence import EvidenceMoment, Statement
from mm.answers.exact import MAX_LISTED, MAX_NAMED, MEDIA_NOUNS
from mm.answers.library import Library
from mm.answers.questions import Media, Question, parse_question
from mm.answers.search_state import SearchState
from mm.answers.select import NO_WORDS, WORD_KINDS
from mm.answers.words import NUMBERS, find_query_terms, split_words

HELP = (
    "Questions are about what the files of the library show, and about what is said and written in them, "
    'for example "how many videos show a dog" or "what is said in talk.mp4".'
)
NO_ITEM = "No item is named {}."
_MEDIA_OF_NOUN: dict[str, Media] = {
    **dict.fromkeys(("video", "vid", "film", "movie"), "video"),
    **dict.fromkeys(("photo", "picture", "image", "pic"), "image"),
    **dict.fromkeys(("audio file", "audio recording", "sound file", "audio"), "audio"),
}
_PLURALS = "|".join(f"{noun}s" for noun in _MEDIA_OF_NOUN if noun != "audio")
_NOUN = rf"(?P<noun>(?:video|image|photo) files|{_PLURALS}|audio|files|items|recordings)"
_THERE = r"(?: (?:here|there|stored|in total|altogether|(?:in|inside) (?:the|my|our|this|your) library))*"
_INVENTORY = re.compile(
    rf"(?:and |so |ok )*(?:how many|what|which) {_NOUN}"
    rf"(?: (?:do (?:i|we|you) have|have (?:i|we)(?: got)?|are|does (?:the|my|this|it) (?:library )?(?:have|contain))){_THERE}"
    rf"|(?:and )?how many {_NOUN.replace('noun', 'bare')}{_THERE}"
    rf"|(?:please )?(?:list|show me all|list all)(?: (?:the|my|our|all|of))* {_NOUN.replace('noun', 'listed')}{_THERE}"
    r"|(?:what is|what's|whats|what do (?:i|we|you) have|what is there) (?:in|inside) (?:the|my|our|this|your) library"
    r"|what do (?:i|we|you) have(?: here)?"
)
_MEDIA_ONLY = re.compile(
    rf"(?:(?:and|ok|now|but|so) )*(?:what about|how about|and|only|just)(?: (?:in|the|my|any|for))* {_NOUN}(?: only)?"
)
_HELP = re.compile(
    r"(?:so )?(?:what (?:can|do) (?:you|this|it) do|what can i (?:do|ask)(?: you| here)?|how does (?:this|it) work|help)"
)
_FILE = re.compile(
    r"(?<![\w./])[\w-]+(?:\.[\w-]+)*\.(?:mp4|m4v|mov|mkv|webm|avi|mpe?g|png|jpe?g|gif|webp|bmp|tiff?|heic|wav|mp3|flac|ogg|opus|m4a|aac)"
    r"(?!\w)",
    re.IGNORECASE,
)
_PART = re.compile(
    r"(?:\b(?:in|during|within|of|for|from|at) )?\b(?:the )?(?P<edge>first|opening|last|final|closing) "
    rf"(?:(?P<number>\d{{1,5}}|{'|'.join(NUMBERS)}|few|couple of) )?(?P<unit>seconds?|secs?|minutes?|mins?|hours?)\b",
    re.IGNORECASE,
)
_UNIT_SECONDS = {"s": 1, "m": 60, "h": 3600}
_FEW = 3


@dataclass(frozen=True, slots=True)
class Part:
    """The first or the last seconds of an item."""

    seconds: int
    is_last: bool
    rest: str
    """The message without its words."""


@dataclass(frozen=True, slots=True)
class Overview:
    """An answer, or a question that is to be searched."""

    state: SearchState
    statements: tuple[Statement, ...] = ()
    reason: str = REASON_NOTHING
    """Why there is no statement."""
    question: Question | None = None


def is_help(message: str) -> bool:
    """Whether a message asks what questions are possible."""
    return _HELP.fullmatch(_normalize(message)) is not None


def parse_inventory(message: str) -> tuple[Media | None] | None:
    """The kind of items that a message asks the number or names of, in a tuple; None for another.

    A message about what items show is another one.
    """
    match = _INVENTORY.fullmatch(_normalize(message))
    if match is None:
        return None
    return (_find_media(match["noun"] or match["bare"] or match["listed"] or ""),)


def parse_media(message: str) -> Media | None:
    """The kind of items to which a message limits the search, as in 'what about photos?'."""
    match = _MEDIA_ONLY.fullmatch(_normalize(message))
    return None if match is None else _find_media(match["noun"])


def find_file_name(message: str) -> str | None:
    """A word of a message that is the name of a media file; None without one."""
    match = _FILE.search(message)
    return None if match is None else match[0]


def parse_part(message: str) -> Part | None:
    """The first or last seconds or minutes that a message names; None without them."""
    match = _PART.search(message)
    if match is None:
        return None
    word = (match["number"] or "1").lower()
    number = int(word) if word.isdigit() else int(NUMBERS.get(word, _FEW))
    seconds = number * _UNIT_SECONDS[match["unit"][0].lower()]
    is_last = match["edge"].lower() in ("last", "final", "closing")
    return Part(seconds, is_last, f"{message[: match.start()]} {message[match.end() :]}")


def describe_library(media: Media | None, library: Library) -> tuple[Statement, ...]:
    """How many items a library has, by kind; of one kind also their names."""
    if media is not None:
        total, names = library.list_items(media, MAX_NAMED)
        if not total:
            return (Statement(f"There are no {MEDIA_NOUNS[media]}s."),)
        listed = [*names, f"{total - len(names):,} more"] if total > len(names) else list(names)
        return (Statement(f"{_count(total, media, is_first=True)}: {_join(listed)}."),)
    counts = {kind: library.list_items(kind, 1)[0] for kind in MEDIA_NOUNS}
    present = [kind for kind, total in counts.items() if total]
    if not present:
        return (Statement("The library has no items."),)
    parts = [_count(counts[kind], kind, is_first=kind == present[0]) for kind in present]
    return (Statement(f"{_join(parts)}."),)


def answer_overview(message: str, named: Sequence[tuple[str, str]], last: SearchState, library: Library) -> Overview | None:
    """The answer to a message about the library, or a part of an item; None for another message.

    `named` are names and keys of the items in the message, `last` the state before it. A part is of
    the item that is named, of that of the selected moment, or of the only one searched.
    """
    unchanged = replace(last, listed=())
    if is_help(message):
        return Overview(unchanged, (Statement(HELP),))
    if (inventory := parse_inventory(message)) is not None:
        return Overview(unchanged, describe_library(inventory[0], library))
    if not named and (name := find_file_name(message)) is not None:
        return Overview(unchanged, reason=NO_ITEM.format(name))
    media = parse_media(message)
    if media is not None and last.text:
        return Overview(replace(unchanged, selected=None), question=Question("search", last.text, media=media))
    part = parse_part(message)
    return None if part is None else _answer_about_part(message, part, named, last, library)


def is_about_item(question: Question, message: str) -> bool:
    """Whether a question that names an item is about all of it.

    It has no content words beside the name, and none that refers to a moment.
    """
    if question.kind not in ("search", "said", "read") or question.attribute is not None:
        return False
    is_of_moment = POINTING & set(split_words(message)) or find_ordinal(message) is not None
    return not is_of_moment and not find_query_terms(question.text)


def describe_item(question: Question, moments: Sequence[EvidenceMoment]) -> tuple[tuple[Statement, ...], str]:
    """What is visible, said or written in moments of an item, in order, and why nothing is.

    Moments without a text are left out where another has one. Of more than `MAX_LISTED` the first
    are described, and the number of others is stated.
    """
    kinds = WORD_KINDS.get(question.kind, ALL_KINDS)
    stated = [moment for moment in moments if any(moment.get_text(kind).strip() for kind in kinds)]
    reason = NO_WORDS[question.kind].format(moments[0].item) if moments and question.kind in NO_WORDS else REASON_NOTHING
    listed = stated if question.kind in WORD_KINDS else stated or moments[:1]
    statements = [describe(moment, "", kinds) for moment in listed[:MAX_LISTED]]
    if (num_more := len(listed) - MAX_LISTED) > 0:
        statements.append(
            Statement("One more part is not listed." if num_more == 1 else f"{num_more:,} more parts are not listed.")
        )
    return tuple(statements), reason


def _answer_about_part(
    message: str, part: Part, named: Sequence[tuple[str, str]], last: SearchState, library: Library
) -> Overview | None:
    selected = library.get_moments([last.selected]) if last.selected is not None else ()
    items = [key for _, key in named] or [moment.source for moment in selected] or list(last.items)
    if len(items) != 1:
        return None
    duration = library.get_duration(items[0])
    if not duration:
        return None
    start, end = (max(duration - part.seconds, 0.0), duration) if part.is_last else (0.0, float(part.seconds))
    question = parse_question(part.rest, [name for name, _ in named])
    if question.kind not in ("search", "said", "read") or question.attribute is not None:
        return None
    if find_query_terms(question.text):
        after, before = (start, None) if part.is_last else (None, end)
        return Overview(SearchState(question.text, items=(items[0],), after=after, before=before), question=question)
    statements, reason = describe_item(question, library.list_between(items[0], start, end))
    return Overview(SearchState(message.strip(), items=(items[0],)), statements, reason)


def _find_media(noun: str) -> Media | None:
    singular = noun.removesuffix("s")
    return _MEDIA_OF_NOUN.get(singular) or _MEDIA_OF_NOUN.get(singular.partition(" ")[0])


def _count(number: int, media: Media, *, is_first: bool) -> str:
    counted = f"{number:,} {MEDIA_NOUNS[media]}{'' if number == 1 else 's'}"
    return f"There {'is' if number == 1 else 'are'} {counted}" if is_first else counted


def _join(parts: Sequence[str]) -> str:
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)


def _normalize(message: str) -> str:
    return " ".join(re.sub(r"[?!.,;]+", " ", message.lower()).split())
