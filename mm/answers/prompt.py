"""The prompt of a question over retrieved moments, the same in training and at run time.

The system message holds the instruction and the moments, numbered by item and time and grouped by
item; the rounds of the conversation and the question follow:

    holiday.mp4
    [1] 00:12-00:20, scene 1: A brown dog runs. Said: "come here"
    [2] 00:31-00:40, scene 2: Two men ride horses.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mm.answers.answer_text import format_answer
from mm.answers.evidence import REFUSAL, EvidenceMoment, Kind, Turn, format_clock, sort_by_time
from mm.errors import InvalidInput, TooLarge
from mm.models.language.chat_template import Message

INSTRUCTION = (
    "Answer the question from these moments only. Cite the moments of each sentence by their numbers. "
    f"If no moment holds the answer, say: {REFUSAL}"
)
MAX_TOKENS = 1536
"""Default length of a prompt."""
MAX_TEXT_CHARS = 320
"""Longest text of one piece of evidence; the rest is left out."""
CHARS_PER_TOKEN = 2.5
"""Of the moments of a prompt, at least; measured over the training set, where the mean is 2.9."""
MESSAGE_TOKENS = 8
"""Upper bound of the tokens that the chat template adds to a message."""
_LABELS: dict[Kind, str] = {"picture": "{}", "speech": 'Said: "{}"', "written": 'Written: "{}"', "sound": "Sound: {}"}
_BRACKETS = str.maketrans("[]", "()")


@dataclass(frozen=True, slots=True)
class Prompt:
    """The messages of a prompt, and the moments that its numbers mean."""

    messages: tuple[Message, ...]
    moments: tuple[EvidenceMoment, ...]
    """Moment n is `moments[n - 1]`."""

    @property
    def numbers(self) -> dict[str, int]:
        """The number of each moment by its id."""
        return {moment.id: number for number, moment in enumerate(self.moments, 1)}


def build_prompt(
    moments: Sequence[EvidenceMoment],
    question: str,
    conversation: Sequence[Turn] = (),
    *,
    count_tokens: Callable[[str], int],
    max_tokens: int = MAX_TOKENS,
) -> Prompt:
    """Build a prompt of at most `max_tokens` tokens.

    `moments` are in the order of retrieval, best first. What does not fit is left out: first the
    oldest rounds, then the last moments. Raises `InvalidInput` for no moments or an empty question,
    `TooLarge` when the question does not fit beside one moment.
    """
    question = " ".join(question.split())
    if not moments or not question:
        raise InvalidInput("A prompt needs a question and at least one moment.")
    kept, turns = list(moments), list(conversation)
    while True:
        prompt = _build(kept, question, turns)
        length = sum(count_tokens(message.content) + MESSAGE_TOKENS for message in prompt.messages)
        if length <= max_tokens:
            return prompt
        if turns:
            turns.pop(0)
        elif len(kept) > 1:
            kept.pop()
        else:
            raise TooLarge(f"The question is too long: with one moment it has {length:,} tokens; the maximum is {max_tokens:,}.")


def estimate_tokens(text: str) -> int:
    """An upper estimate of the tokens of English text, for use without a tokenizer."""
    return math.ceil(len(text) / CHARS_PER_TOKEN)


def format_moments(moments: Sequence[EvidenceMoment]) -> str:
    """The lines of moments that are sorted by item and time."""
    lines: list[str] = []
    for number, moment in enumerate(moments, 1):
        if number == 1 or moment.item != moments[number - 2].item:
            lines.append(_clean(moment.item))
        lines.append(f"[{number}] {_format_place(moment)}{_format_evidence(moment)}".rstrip(" :"))
    return "\n".join(lines)


def _build(moments: Sequence[EvidenceMoment], question: str, turns: Sequence[Turn]) -> Prompt:
    numbered = tuple(sort_by_time(moments))
    number_of = {moment.id: number for number, moment in enumerate(numbered, 1)}
    messages = [Message("system", f"{INSTRUCTION}\n\n{format_moments(numbered)}")]
    for turn in turns:
        messages += [Message("user", turn.question), Message("assistant", format_answer(turn.answer, number_of))]
    return Prompt((*messages, Message("user", question)), numbered)


def _format_place(moment: EvidenceMoment) -> str:
    """'00:12-00:20, scene 1: '; empty for a photo."""
    if moment.end <= moment.start:
        return ""
    scene = "" if moment.scene is None else f", scene {moment.scene}"
    return f"{format_clock(moment.start)}-{format_clock(moment.end)}{scene}: "


def _format_evidence(moment: EvidenceMoment) -> str:
    texts = [(kind, moment.get_text(kind)) for kind in _LABELS]
    return " ".join(_LABELS[kind].format(_end(kind, _clean(text))) for kind, text in texts if text)


def _end(kind: Kind, text: str) -> str:
    return text if kind in ("speech", "written") or text[-1:] in ".!?" else f"{text}."


def _clean(text: str) -> str:
    """A text on one line, of bounded length, without brackets, which mark citations."""
    text = " ".join(text.split()).translate(_BRACKETS)
    if len(text) <= MAX_TEXT_CHARS:
        return text
    return f"{text[:MAX_TEXT_CHARS].rsplit(' ', 1)[0]}..."
