"""The clause of a message that decides."""

from __future__ import annotations

import pytest

from mm.answers.conversation.commands import parse_command
from mm.answers.conversation.preamble import has_content, remove_preamble


@pytest.mark.parametrize(
    ("message", "rest"),
    [
        ("Scratch that, show me a dog", "show me a dog"),
        ("ok the second one then", "the second one"),
        ("no, the second one", "the second one"),
        ("no a dog", "a dog"),
        ("no dogs", "no dogs"),
        ("not before, after that", "after that"),
        ("go back, thanks", "go back"),
        ("thanks a lot", "thanks a lot"),
        ("drop that limit", "drop that limit"),
        ("different question, where is a dog?", "where is a dog?"),
        ("a man, a dog and a cat", "a man, a dog and a cat"),
        ("not the others, just my, own.mp4", "just my, own.mp4"),
    ],
)
def test_remove_preamble_keeps_what_decides(message: str, rest: str) -> None:
    names = ["my, own.mp4"] if "own.mp4" in message else []

    assert remove_preamble(message, names, lambda clause: parse_command(clause, (), has_query=True)) == rest


def test_has_content_is_true_for_a_thing_only() -> None:
    assert has_content("any clips of a man")
    assert has_content("with a stick")
    assert not has_content("stick to all of my videos please")
