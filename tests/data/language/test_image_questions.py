"""Questions about one image: balanced, true by its captions, without their answer."""

from __future__ import annotations

import re
from collections import Counter
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mm.data.language.concepts import COLOURS, KIN, find_named
from mm.data.language.image_questions import (
    MAX_SAME_COUNT,
    MIN_AGREEING,
    ImageQuestion,
    count_in_caption,
    draw_image_questions,
    find_leak,
    find_plural,
)
from mm.errors import InvalidInput
from tests.data.language.made_captions import make_pool

SPLITS_AND_SEEDS = st.tuples(st.sampled_from(["train", "dev", "test"]), st.integers(0, 7))


@cache
def draw(split: str, seed: int) -> list[ImageQuestion]:
    return draw_image_questions(make_pool(split), split, 60, seed)


@given(case=SPLITS_AND_SEEDS)
def test_draw_image_questions_is_deterministic_and_has_every_kind(case: tuple[str, int]) -> None:
    split, seed = case
    assert draw(split, seed) == draw_image_questions(make_pool(split), split, 60, seed)
    assert {question.kind for question in draw(split, seed)} == {"yes_no", "what", "colour", "count"}


@given(case=SPLITS_AND_SEEDS)
def test_draw_image_questions_asks_as_many_yes_as_no_about_each_thing_in_the_same_words(case: tuple[str, int]) -> None:
    questions = [question for question in draw(*case) if question.kind == "yes_no"]
    yes, no = (Counter(question.question for question in questions if question.answer == answer) for answer in ("yes", "no"))
    assert yes == no
    assert yes.total() > 10


@given(case=SPLITS_AND_SEEDS)
def test_draw_image_questions_answers_hold_in_the_captions(case: tuple[str, int]) -> None:
    for question in draw(*case):
        captions = make_pool(case[0]).get(question.source).captions
        named = [find_named(caption) for caption in captions]
        if question.answer == "yes":
            assert sum(question.thing in terms for terms in named) >= MIN_AGREEING
        elif question.answer == "no":
            assert not any(KIN[question.thing] & terms for terms in named)
        elif question.kind == "colour":
            bound = {term for terms in named for term in terms if term.endswith(f" {question.thing}")}
            assert bound == {f"{question.answer} {question.thing}"}
            assert question.answer in COLOURS
        elif question.kind == "count":
            assert {count_in_caption(caption, question.thing) for caption in captions} - {None, 0} == {int(question.answer)}
        else:
            assert any(
                f"{question.thing} {be}{question.answer}" in caption.lower() for caption in captions for be in ("", "is ", "are ")
            )


@given(case=SPLITS_AND_SEEDS)
def test_draw_image_questions_do_not_contain_their_answer(case: tuple[str, int]) -> None:
    for question in draw(*case):
        if question.kind != "yes_no":
            assert not find_leak(question.question, question.answer)
            assert not re.search(rf"\b{question.answer}\b", question.question.lower())


@given(case=SPLITS_AND_SEEDS)
def test_draw_image_questions_has_no_count_too_often(case: tuple[str, int]) -> None:
    counts = Counter(question.answer for question in draw(*case) if question.kind == "count")
    assert max(counts.values()) <= max(1, MAX_SAME_COUNT * counts.total())


@pytest.mark.parametrize(
    ("caption", "number"),
    [
        ("A dog runs", 1), ("Two brown dogs run", 2), ("Dogs run", 0), ("A cat", None), ("The dog runs", 0),
        ("A dog chases a dog", 0), ("three large , wet dogs", 3), ("A man with dogs", 0),
    ],
)  # fmt: skip
def test_count_in_caption(caption: str, number: int | None) -> None:
    assert count_in_caption(caption, "dog") == number


def test_find_plural_and_find_leak() -> None:
    assert [find_plural(thing) for thing in ("man", "bench", "dress", "dog", "baby")] == [
        "men",
        "benches",
        "dresses",
        "dogs",
        "babies",
    ]
    assert find_leak("What is the running dog doing?", "runs on grass") == {"run"}


def test_draw_image_questions_of_an_unknown_split_raises_invalid_input() -> None:
    with pytest.raises(InvalidInput, match="'val'"):
        draw_image_questions(make_pool("dev"), "val", 5, 0)
