from __future__ import annotations

import pytest

from mm.answers.questions import QuestionKind, parse_question


@pytest.mark.parametrize(
    ("message", "kind", "text"),
    [
        ("When is a brown dog running?", "search", "a brown dog running"),
        ("Show me evrey momnt with two men on a bench.", "search", "two men on a bench"),
        ("How many moments show a dog?", "count", "a dog"),
        ("How many videos show a dog?", "count_items", "a dog"),
        ("Which file shows a dog?", "which_item", "a dog"),
        ("What happens after a dog jumps?", "after", "a dog jumps"),
        ("what was before that", "before", ""),
        ("What do they say about the garage?", "said", "the garage"),
        ("What does the sign about the garage say?", "read", "the garage"),
        ("Find a board.", "search", "a board"),
    ],
)
def test_parse_question_finds_the_kind_and_what_is_searched(message: str, kind: QuestionKind, text: str) -> None:
    question = parse_question(message)

    assert (question.kind, question.text) == (kind, text)


def test_parse_question_of_a_place_reads_clocks_and_scenes_of_a_named_item() -> None:
    at_time = parse_question("What happens at 1:02:05 in talk.mp4?", ["talk.mp4"])
    assert (at_time.kind, at_time.start, at_time.end) == ("at_time", 3725, 3725)
    between = parse_question("Describe TALK.mp4 from 02:00 to 01:10", ["talk.mp4"])
    assert (between.kind, between.start, between.end) == ("in_range", 70, 120)
    scene = parse_question("talk.mp4 scene 12", ["talk.mp4"])
    assert (scene.kind, scene.scene) == ("in_scene", 12)


def test_parse_question_of_an_order_has_both_things() -> None:
    question = parse_question("Which comes first in a.mp4, a dog or two men?", ["a.mp4"])

    assert (question.kind, question.text, question.other) == ("first", "a dog", "two men")
