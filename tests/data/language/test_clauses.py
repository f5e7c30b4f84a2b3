"""Captions as clauses and noun phrases."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mm.data.language.clauses import clean_caption, find_infinitive, find_noun_phrases, parse_clause
from mm.data.language.concepts import find_named
from tests.data.language.made_captions import make_images

CAPTIONS = [caption for image in make_images("dev") for caption in image.captions]


@pytest.mark.parametrize(
    ("caption", "question", "phrase"),
    [
        (
            "A brown dog is running through the grass .",
            "is a brown dog running through the grass",
            "a brown dog running through the grass",
        ),
        ("Two girls playing with a ball , smiling .", "are two girls playing with a ball", "two girls playing with a ball"),
        ("A man carries a boy down a hill", "does a man carry a boy down a hill", "a man that carries a boy down a hill"),
        ("A girl falling off a yellow and blue tube", "is a girl falling", "a girl falling"),
    ],
)
def test_parse_clause_gives_question_and_phrase(caption: str, question: str, phrase: str) -> None:
    clause = parse_clause(caption)
    assert clause is not None
    assert (clause.question, clause.phrase) == (question, phrase)


@pytest.mark.parametrize(
    "caption", ["", "Dogs .", "A boy wearing glasses stands on a rope", "Snow everywhere", "A man wears a hat .", "42"]
)
def test_parse_clause_of_another_form_is_none(caption: str) -> None:
    assert parse_clause(caption) is None


@given(caption=st.sampled_from(CAPTIONS) | st.text(max_size=60))
def test_parse_clause_names_only_what_the_caption_names(caption: str) -> None:
    clause = parse_clause(caption)
    if clause is not None:
        assert find_named(clause.question) <= find_named(caption)
        assert find_named(clause.phrase) == find_named(clause.question)
    assert all(find_named(phrase) <= find_named(caption) for phrase in find_noun_phrases(caption))


def test_find_noun_phrases_leaves_out_clauses() -> None:
    assert find_noun_phrases("Two men ride horses and a calf runs") == []
    assert find_noun_phrases("A brown dog with a ball") == ["a brown dog", "a ball"]


def test_clean_caption_and_find_infinitive() -> None:
    assert clean_caption('a dog , "black" , runs .') == "A dog, black, runs"
    assert [find_infinitive(verb) for verb in ("carries", "catches", "runs", "goes")] == ["carry", "catch", "run", "go"]
