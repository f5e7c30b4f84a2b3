"""Questions for a colour, a number, a kind, a name or a reason, and the texts that state them."""

from __future__ import annotations

import pytest

from mm.answers.attributes import AttributeName, parse_attribute
from mm.answers.questions import parse_question


@pytest.mark.parametrize(
    ("message", "name", "thing", "text"),
    [
        ("What colour is the motorcycle?", "colour", "motorcycle", "the motorcycle"),
        ("what's the color of the coffee cup", "colour", "cup", "the coffee cup"),
        ("What colour is the dog running on the beach?", "colour", "dog", "the dog running on the beach"),
        ("How many people are on the boat?", "number", "person", "people are on the boat"),
        ("What kind of dog is that?", "kind", "dog", "dog"),
        ("What is the name of the dog?", "name", "dog", "the dog"),
        ("Why is the man running?", "reason", "man", "the man running"),
        ("What colour is it?", "colour", "", ""),
    ],
)
def test_parse_question_for_an_attribute_finds_the_thing(message: str, name: AttributeName, thing: str, text: str) -> None:
    question = parse_question(message)

    assert question.attribute is not None
    assert (question.attribute.name, question.attribute.thing, question.text) == (name, thing, text)


@pytest.mark.parametrize(
    "message",
    [
        "When is a red motorcycle seen?",
        "Where is the coffee cup?",
        "Which file shows a dog?",
        "What is a man wearing?",
        "How many moments show a dog?",
        "How many videos show a cat?",
        "how many times a dog",
        "How many are there?",
        "What is the name of the footage with a dog?",
        "What is this video called?",
        "What does the man named Bob say?",
        "What does the colour wheel show?",
        "What kind of videos do I have?",
    ],
)
def test_parse_question_that_a_moment_a_file_or_a_count_answers_has_no_attribute(message: str) -> None:
    assert parse_question(message).attribute is None


@pytest.mark.parametrize(
    ("message", "text", "is_stated"),
    [
        ("what colour is the motorcycle", "A man rides a red motorcycle", True),
        ("what colour is the motorcycle", "the motorcycle is black", True),
        ("what colour is the motorcycle", "A man in a red shirt rides a motorcycle", False),
        ("what colour is the motorcycle", "A man with a red hat rides a motorcycle", False),
        ("what colour is the motorcycle", "A motorcycle", False),
        ("what colour is the cup", "A black and white coffee cup", True),
        ("how many people are there", "Two men on a bench", True),
        ("how many people are there", "People on three boats", False),
        ("what kind of dog is that", "A golden retriever runs", True),
        ("what kind of dog is that", "A small dog runs", False),
        ("what is the name of the dog", "our dog is called Bello", True),
        ("what is the name of the dog", "A dog runs", False),
        ("why is he running", "I run because it is late", True),
        ("why is he running", "A man runs", False),
    ],
)
def test_is_stated_in_needs_the_value_beside_the_thing(message: str, text: str, is_stated: bool) -> None:
    parsed = parse_attribute(message)

    assert parsed is not None
    assert parsed[0].is_stated_in(text) is is_stated
