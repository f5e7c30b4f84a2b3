"""Text sets, synthetic query texts, and short queries."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from mm.data.query_texts import (
    assign_split,
    draw_excerpt,
    draw_keyboard_noise,
    draw_noun_phrases,
    make_file_name,
    phrase_as_queries,
    read_lines,
    read_split_lines,
)
from mm.data.short_queries import draw_short_queries
from mm.errors import InvalidInput

SETS = Path(__file__).parents[2] / "datasets"


def test_text_sets_do_not_overlap_and_dev_is_large_enough() -> None:
    queries = read_lines(SETS / "unanswerable" / "questions.txt")
    training = read_lines(SETS / "depictable" / "shown.txt") + read_lines(SETS / "depictable" / "unshown.txt")
    assert len(queries) == len({text.lower() for text in queries}) >= 200
    assert not {text.lower() for text in queries} & {text.lower() for text in training}
    dev, test = (read_split_lines(SETS / "unanswerable" / "questions.txt", split) for split in ("dev", "test"))
    assert sorted(dev + test) == sorted(queries)
    assert len(dev) >= 100


def test_assign_split_is_by_the_hash_of_the_text() -> None:
    text = "a question"
    assert assign_split(text) == ("dev" if hashlib.sha256(text.encode()).digest()[0] % 2 == 0 else "test")


def test_read_lines_of_a_missing_file_raises_invalid_input(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"gone\.txt"):
        read_lines(tmp_path / "gone.txt")


def test_query_texts_are_deterministic() -> None:
    captions = ["A brown dog runs over the grass .", "Two children play with a ball ."]
    assert draw_noun_phrases(captions, 5, 0) == draw_noun_phrases(captions, 5, 0)
    assert draw_keyboard_noise(20, 1) == draw_keyboard_noise(20, 1) != draw_keyboard_noise(20, 2)
    assert all(text in query for text, query in zip(captions, phrase_as_queries(captions, 3), strict=True))
    assert make_file_name(captions[0]) == "brown dog runs"
    assert draw_excerpt("one two three four five six seven .", 0) in "one two three four five six seven"


def test_draw_short_queries_gives_relevant_and_known_images() -> None:
    captions = [
        ["a brown dog runs", "the dog is brown", "a dog"],
        ["a dog sleeps", "one dog rests"],
        ["a brown horse", "a horse"],
    ]
    query_by_word = {question.text.removeprefix("a "): question for question in draw_short_queries(captions, 1, 20, 0)}
    assert query_by_word["dog"].relevant.tolist() == [True, True, False]
    assert query_by_word["dog"].is_known.tolist() == [True, True, True]
    assert query_by_word["brown"].relevant.tolist() == [True, False, False]
    assert query_by_word["brown"].is_known.tolist() == [True, True, False]
    pairs = {question.text.removeprefix("a "): question for question in draw_short_queries(captions, 2, 20, 0)}
    assert pairs["brown dog"].relevant.tolist() == [True, False, False]
    assert draw_short_queries(captions, 9, 5, 0) == []
