"""From a message and the rounds before it to a command and the next search state."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from mm.answers.attributes import is_object_name
from mm.answers.conversation.apply import Span, apply_command, list_undo_states
from mm.answers.conversation.command import Command, Operation
from mm.answers.conversation.commands import parse_command
from mm.answers.conversation.preamble import ANNOUNCING, has_content, remove_preamble
from mm.answers.conversation.references import find_ordinal
from mm.answers.questions import Question, parse_question
from mm.answers.search_state import SearchState
from mm.answers.words import QUESTION_WORDS, split_words

MAX_UNDECIDED_WORDS = 9
"""Words of a message that is classified by examples, at most."""
_PREVIOUS = re.compile(r"\b(?:previous|last|prior|former)\b", re.IGNORECASE)
"""Of a message that goes back where no moment is selected that something could come before."""
_ASKING = re.compile(r"(?:(?:and|so|but|then) )*(?:what|when|where|who|whose|why|how|which)\b", re.IGNORECASE)
_REFINEMENTS = frozenset(("only_item", "without", "also"))


@dataclass(frozen=True, slots=True)
class Interpretation:
    """What a message means."""

    command: Command
    state: SearchState | None
    """The state after it; None for a command that has no meaning after these rounds."""
    question: Question | None
    """Of a message that is no command."""


def interpret(
    message: str,
    rounds: Sequence[tuple[str, SearchState]],
    named: Sequence[tuple[str, str]],
    locate: Callable[[str], Span | None],
    is_found: Callable[[SearchState, str], bool],
    classify: Callable[[str], Operation] | None = None,
) -> Interpretation:
    """Interpret a message after rounds of a message and the state after it, oldest first.

    `named` are names and keys of the items in the message. `is_found(state, id)` returns whether a
    state finds a moment: a refinement that excludes the selected moment ends the selection.
    `classify` returns the operation of a message that the rules do not decide; None: it is a
    question.
    """
    states = [state for _, state in rounds]
    names, keys = [name for name, _ in named], [key for _, key in named]
    has_query = bool(states) and bool(states[-1].text)
    message, command = _parse(message, names, classify, has_query=has_query)
    if command.operation == "question" or (command.operation == "only_item" and not has_query):
        question = parse_question(message, names)
        return Interpretation(
            Command("question"), SearchState(text=question.text or message.strip(), items=tuple(keys)), question
        )
    if not states:
        return Interpretation(command, SearchState(), None)
    parsed = (
        [(_parse(text, (), classify, has_query=True)[1], state) for text, state in rounds] if command.operation == "back" else []
    )
    state = apply_command(command, states, list_undo_states(parsed), keys, locate)
    if (
        state is None
        and command.operation == "earlier"
        and (_PREVIOUS.search(message) or (classify and classify(message) == "back"))
    ):
        return interpret("go back", rounds, named, locate, is_found, classify)
    if state is not None and command.operation in _REFINEMENTS and state.selected is not None:
        state = state if is_found(state, state.selected) else replace(state, selected=None)
    return Interpretation(command, state, None)


def _parse(
    message: str, names: Sequence[str], classify: Callable[[str], Operation] | None, *, has_query: bool
) -> tuple[str, Command]:
    """The part of a message that decides, and the command that it is."""
    message = remove_preamble(message, names, lambda clause: parse_command(clause, (), has_query=has_query))
    command = parse_command(message, names, has_query=has_query)
    if classify is not None and has_query and not names and _is_undecided(message, command):
        operation = classify(message)
        ordinal = find_ordinal(message) if operation == "select" else 0
        is_phrase = bool({"a", "an"} & set(split_words(message)))  # a phrase of a thing is no command without content
        if operation != "question" and ordinal is not None and (operation == "talk" or not is_phrase):
            command = Command(operation, ordinal=ordinal)
    return message, command


def _is_undecided(message: str, command: Command) -> bool:
    """Whether the rules have no sure reading: no word names a thing, and none asks for more."""
    words = split_words(message)
    things = command.thing.split()
    is_announced = any(before in ANNOUNCING and word in things for before, word in pairwise(words)) and has_content(command.thing)
    is_announced = is_announced or any(map(is_object_name, things))
    if is_announced or command.operation not in ("question", "without", "also") or len(words) > MAX_UNDECIDED_WORDS:
        return False
    if any(is_object_name(word) for word in words if word not in QUESTION_WORDS):
        return False
    question = parse_question(message)
    if question.attribute is not None or question.kind == "search":
        return question.attribute is None
    return not (_ASKING.match(message) or has_content(question.text))
