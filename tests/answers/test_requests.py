"""Words of request are removed from new queries."""

from __future__ import annotations

import pytest

from mm.answers.questions import parse_question

DEVELOPMENT = (
    "I'd like to see a dog",
    "Got any pictures of a dog?",
    "Can you pull up a dog?",
    "Let's try a dog instead",
    "Switch to a dog",
    "Next up: a dog",
    "Dig up a dog for me",
    "Fetch a dog",
    "Check for a dog",
    "Is a dog in here somewhere?",
    "Have I filmed a dog?",
    "Bring up a dog",
    "Display a dog",
    "Now a dog",
    "What about a dog?",
    "a dog next",
    "Try to find a dog",
    "Hunt for a dog",
    "Do you know of a dog?",
    "Retrieve a dog, please",
)
HELD_OUT = (
    "Could you search for a dog?",
    "I want a dog",
    "Scan for a dog",
    "Let's move to a dog",
    "Grab me a dog",
    "Any footage of a dog?",
    "How about a dog?",
    "I need to find a dog",
    "Does a dog appear anywhere?",
    "Seek out a dog",
    "Let me check for a dog",
    "Is there any clip with a dog?",
    "Turn to a dog",
    "I was thinking of a dog",
    "Track down a dog",
    "Anything with a dog?",
    "Browse for a dog",
    "Do we see a dog?",
    "Ok, a dog now",
    "Spot a dog",
)
"""Written before the rules, which were not developed on them."""
MAX_MISREAD = 4


@pytest.mark.parametrize("message", DEVELOPMENT)
def test_parse_question_removes_a_request(message: str) -> None:
    assert parse_question(message).text == "a dog"


def test_parse_question_of_held_out_requests_misreads_few() -> None:
    misread = [message for message in HELD_OUT if parse_question(message).text != "a dog"]

    assert len(misread) <= MAX_MISREAD, misread


@pytest.mark.parametrize(
    "message", ["jumping over a fence", "two kids try a slide", "people hunting in a forest", "climbing up a wall", "open window"]
)
def test_parse_question_keeps_verbs_that_describe(message: str) -> None:
    assert parse_question(message).text == message
