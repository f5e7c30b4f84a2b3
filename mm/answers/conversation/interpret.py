"""From a message and the rounds before it to a command and the next search state."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from mm.answers.conversation.apply import Span, apply_command, list_undo_states
from mm.answers.conversation.command import Command
from mm.answers.conversation.commands import parse_command
from mm.answers.questions import Question, parse_question
from mm.answers.search_state import SearchState

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
) -> Interpretation:
    """Interpret a message after rounds of a message and the state after it, oldest first.

    `named` are names and keys of the items in the message. `is_found(state, id)` returns whether a
    state finds a moment: a refinement that excludes the selected moment ends the selection.
    """
    states = [state for _, state in rounds]
    names, keys = [name for name, _ in named], [key for _, key in named]
    has_query = bool(states) and bool(states[-1].text)
    command = parse_command(message, names, has_query=has_query)
    if command.operation == "question" or (command.operation == "only_item" and not has_query):
        question = parse_question(message, names)
        return Interpretation(
            Command("question"), SearchState(text=question.text or message.strip(), items=tuple(keys)), question
        )
    if not states:
        return Interpretation(command, SearchState(), None)
    parsed = [(parse_command(text, (), has_query=True), state) for text, state in rounds] if command.operation == "back" else []
    state = apply_command(command, states, list_undo_states(parsed), keys, locate)
    if state is not None and command.operation in _REFINEMENTS and state.selected is not None:
        state = state if is_found(state, state.selected) else replace(state, selected=None)
    return Interpretation(command, state, None)
