"""The state after each message of a conversation, over scripts with libraries of their own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from mm.answers.conversation.apply import Span
from mm.answers.conversation.command import Operation
from mm.answers.conversation.interpret import interpret
from mm.answers.search_state import SearchState
from mm.data.language.search_scripts import SearchScript, search_moments
from mm.metrics.bootstrap import bootstrap
from mm.metrics.report import Measure, Report


@dataclass(frozen=True, slots=True)
class TurnResult:
    """The state after one message of a script."""

    operation: str
    message: str
    expected: SearchState
    state: SearchState | None

    @property
    def is_right(self) -> bool:
        return self.state is not None and replace(self.state, listed=()) == self.expected


Classify = Callable[[str], Operation]


def run_script(script: SearchScript, classify: Classify | None = None, *, is_carried: bool) -> list[TurnResult]:
    """The states of a script.

    Each message follows the states that were found before it when they are carried, else the
    expected ones.
    """
    items = sorted({moment.item for moment in script.moments})
    places = {moment.id: Span(moment.item, moment.start, moment.end) for moment in script.moments}
    rounds: list[tuple[str, SearchState]] = []
    results = []
    for expected in script.rounds:
        named = [(item, item) for item in items if item.lower() in expected.message.lower()]
        meaning = interpret(
            expected.message, rounds, named, places.get, lambda state, moment: moment in _find(script, state), classify
        )
        results.append(TurnResult(expected.operation, expected.message, expected.state, meaning.state))
        state = meaning.state if is_carried else expected.state
        if state is None:
            state = rounds[-1][1] if rounds else SearchState()
        rounds.append((expected.message, replace(state, listed=tuple(_find(script, state)))))
    return results


def evaluate_scripts(scripts: Sequence[SearchScript], of: str, classify: Classify | None = None) -> Report:
    """Report the share of turns with the right state; the bootstrap samples scripts."""
    groups = np.concatenate([np.full(len(script.rounds), number) for number, script in enumerate(scripts)])
    measures = []
    for name, is_carried in (("state right, after the right states", False), ("state right, after its own states", True)):
        results = [result for script in scripts for result in run_script(script, classify, is_carried=is_carried)]
        measures.append(Measure(name, bootstrap(np.array([result.is_right for result in results]), groups)))
    return Report(of, tuple(measures))


def _find(script: SearchScript, state: SearchState) -> list[str]:
    return [moment.id for moment in search_moments(script.moments, state)]
