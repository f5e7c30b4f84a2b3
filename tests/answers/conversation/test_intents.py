"""The classifier of messages that the rules do not decide."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mm.answers.conversation.apply import Span
from mm.answers.conversation.command import Operation
from mm.answers.conversation.intents import IntentClassifier, fit, list_operations, read_examples
from mm.answers.conversation.interpret import interpret
from mm.answers.search_state import SearchState
from mm.models.text.tower import TextTower

STATE = SearchState(text="a man", without=("dog",), listed=("m1", "m2"))


@pytest.fixture(scope="module")
def tower(tmp_path_factory: pytest.TempPathFactory) -> TextTower:
    return TextTower(Path(tmp_path_factory.mktemp("graphs")))


def test_intent_classifier_weights_are_those_of_the_examples(tower: TextTower) -> None:
    shipped = IntentClassifier(tower.embed)
    fitted = IntentClassifier(tower.embed, fit(tower.embed))
    messages = [message for message, _ in read_examples()][::60]

    assert len({message for message, _ in read_examples()}) > 1000
    np.testing.assert_allclose(shipped._weights, fitted._weights, atol=2e-3)
    assert [shipped.classify(message) for message in messages] == [fitted.classify(message) for message in messages]
    assert "question" in list_operations()


@pytest.mark.parametrize(
    ("message", "operation"),
    [
        ("I take back what I just said", "back"),
        ("no matter where it is", "all_items"),
        ("that went quite well", "talk"),
        ("dump the whole thing", "clear"),
        ("sunset over the sea", "question"),
        ("a man with a hat", "question"),
        ("what is said there?", "question"),
    ],
)
def test_interpret_with_a_classifier_reads_messages_that_the_rules_do_not(
    tower: TextTower, message: str, operation: Operation
) -> None:
    place = Span("a.mp4", 0, 5)
    meaning = interpret(message, [("a man", STATE)], [], lambda _: place, lambda *_: True, IntentClassifier(tower.embed).classify)

    assert meaning.command.operation == operation


def test_interpret_does_not_classify_what_the_rules_decide() -> None:
    def refuse(message: str) -> Operation:
        raise AssertionError(message)

    for message in ("without the hat", "the second one", "go back", "start over", "show me a red bus", "also with a ball"):
        assert interpret(message, [("a man", STATE)], [], lambda _: None, lambda *_: True, refuse) is not None
