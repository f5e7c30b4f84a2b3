"""The search state after a command."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from mm.answers.conversation.command import Command
from mm.answers.conversation.references import find_listed
from mm.answers.search_state import SearchState


@dataclass(frozen=True, slots=True)
class Span:
    """Where a moment is."""

    item: str
    """Key of the item."""
    start: float
    end: float


def apply_command(
    command: Command,
    states: Sequence[SearchState],
    undo: Sequence[SearchState],
    items: Sequence[str],
    locate: Callable[[str], Span | None],
) -> SearchState | None:
    """The state after a command; None when it has no meaning here.

    `states` are those after each round, of which there is one or more, and `undo` those that can
    be returned to, oldest first. `items` are the keys of the items that the message names. `locate`
    returns the place of a moment by its id.
    """
    state = states[-1]
    match command.operation:
        case "select":
            selected = find_listed(states, command.ordinal)
            return None if selected is None else replace(state, selected=selected)
        case "earlier" | "later":
            place = locate(state.selected) if state.selected is not None else None
            if place is None:
                return None
            before, after = (place.start, None) if command.operation == "earlier" else (None, place.end)
            return replace(state, items=(place.item,), before=before, after=after, selected=None)
        case "only_item":
            return replace(state, items=tuple(items))
        case "all_items":
            return replace(state, items=(), before=None, after=None)
        case "without":
            return replace(state, without=(*state.without, command.thing))
        case "also":
            return replace(state, also=(*state.also, command.thing))
        case "back":
            return undo[-1] if undo else None
        case "clear":
            return SearchState()
        case _:
            return state


def list_undo_states(rounds: Sequence[tuple[Command, SearchState]]) -> list[SearchState]:
    """The states before each change that was not undone, oldest first.

    Nothing before an empty state can be returned to.
    """
    undo: list[SearchState] = []
    current = SearchState()
    for command, state in rounds:
        if command.operation == "back":
            undo = undo[:-1]
        elif get_conditions(state) != get_conditions(current):
            undo = [*undo, current] if current.text else []
        current = state
    return undo


def get_conditions(state: SearchState) -> SearchState:
    """A state without the moments that the answer listed."""
    return replace(state, listed=())
