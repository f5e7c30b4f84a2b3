from __future__ import annotations

import random

import pytest

from mm.answers.words import correct_spelling, find_query_terms, find_terms, is_one_error_apart
from mm.data.language.typing_styles import TYPOS, type_text


@pytest.mark.parametrize(
    ("query", "text", "is_match"),
    [
        ("a puppy runs", "Two dogs running through grass", True),
        ("a brown dog", "A man in a brown coat and a dog", False),
        ("two dogs", "Two brown dogs run", True),
        ("two dogs", "Three dogs and two men", False),
        ("a young girl", "A young man", False),
        ("a child", "A boy on a swing", True),
        ("a person", "A woman with a hat", True),
        ("where can I see every moment with a dog", "A dog", True),
    ],
)
def test_find_terms_has_the_query_terms_of_a_matching_text(query: str, text: str, is_match: bool) -> None:
    assert (find_query_terms(query) <= find_terms([text])) == is_match


def test_correct_spelling_undoes_a_typing_error_of_a_candidate() -> None:
    words = ("skateboard", "bridge", "recording", "umbrella")
    draw = random.Random(2)
    for _ in range(100):
        word = draw.choice(words)
        assert correct_spelling(type_text(word, (TYPOS,), draw), frozenset(words)) == word


def test_correct_spelling_leaves_known_words_and_short_words() -> None:
    assert correct_spelling("the garage dgo", frozenset(("garbage", "dog")), frozenset(("garage",))) == "the garage dgo"


def test_is_one_error_apart_is_symmetric_and_false_for_equal_words() -> None:
    assert not is_one_error_apart("video", "video")
    for left, right in (("vidoe", "video"), ("vdeo", "video"), ("viddeo", "video"), ("vudeo", "video")):
        assert is_one_error_apart(left, right)
        assert is_one_error_apart(right, left)
    assert not is_one_error_apart("point", "paint"), "these letters are not neighbours on a keyboard"
