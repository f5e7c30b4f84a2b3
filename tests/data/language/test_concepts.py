"""Concepts of captions, and whether a caption supports a query."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mm.data.language.concepts import KIN, Support, find_named, find_terms, find_things, judge, stem
from tests.data.language.made_captions import make_images

CAPTIONS = [caption for image in make_images("dev") for caption in image.captions]


def test_find_named_binds_colours_and_numbers() -> None:
    assert find_named("Two brown dogs run") == {"#2 dog", "brown", "dog", "brown dog", "run"}
    assert "black ball" not in find_named("a black dog with a ball")
    assert "white shirt" in find_named("a black and white striped shirt")
    assert find_terms("a puppy") == {"dog", "animal"}
    assert find_things(["a puppy on grass", "a bicycle"]) == {"dog", "bike"}


@pytest.mark.parametrize(
    ("query", "captions", "expected"),
    [
        ("a dog", ("A puppy sleeps", "A dog rests"), Support.HOLDS),
        ("a person", ("A man walks",), Support.HOLDS),
        ("a man", ("A person walks",), Support.AMBIGUOUS),
        ("a man", ("A woman walks",), Support.EXCLUDED),
        ("a brown dog", ("A black dog with a brown ball",), Support.AMBIGUOUS),
        ("a dog in the snow", ("A dog runs",), Support.AMBIGUOUS),
        ("two dogs", ("A dog runs",), Support.AMBIGUOUS),
        ("two girls", ("A girl with two women",), Support.AMBIGUOUS),
        ("two girls", ("Two young girls and three women",), Support.HOLDS),
        ("a dog", ("A cat", "A kitten by a dog house"), Support.AMBIGUOUS),
        ("a bicycle", ("A motorcycle",), Support.AMBIGUOUS),
    ],
)
def test_judge_by_words(query: str, captions: tuple[str, ...], expected: Support) -> None:
    known = frozenset().union(*(find_named(caption) for caption in captions))
    assert judge(find_named(query), find_terms(captions[0]), known) is expected


def test_judge_excludes_by_colour_only_where_another_is_named() -> None:
    assert judge(find_named("a red dog"), frozenset(), find_named("a black dog")) is Support.EXCLUDED
    assert judge(find_named("a red dog"), frozenset(), find_named("a dog")) is Support.AMBIGUOUS


@given(caption=st.sampled_from(CAPTIONS), other=st.sampled_from(CAPTIONS))
def test_judge_of_a_caption_by_itself_holds_and_is_never_excluded_by_more_captions(caption: str, other: str) -> None:
    named = find_named(caption)
    assert judge(named, find_terms(caption), named) is Support.HOLDS
    assert judge(named, frozenset(), named | find_named(other)) is Support.AMBIGUOUS


def test_kin_is_symmetric() -> None:
    assert all(name in KIN[other] for name, others in KIN.items() for other in others)


@pytest.mark.parametrize(
    "forms", [("ride", "rides", "riding"), ("run", "runs", "running"), ("jump", "jumps", "jumped", "jumping")]
)
def test_stem_of_the_forms_of_a_verb_is_one(forms: tuple[str, ...]) -> None:
    assert len({stem(form) for form in forms}) == 1
