"""Short queries with the heads of their words, and their typing errors."""

from __future__ import annotations

import numpy as np
import pytest

from mm.schemas import Weights
from mm.spaces import Space
from mm.spaces.query import build_query
from mm.spaces.scoring import LinearScore
from mm.spaces.text_queries.head_scores import add_word_heads
from mm.spaces.text_queries.word_heads import OBJECT_SHARE, WEIGHTS, split_query_words
from mm.wording.typing_errors import correct_typing_errors

VOCABULARY = {"bicycle", "beach", "skateboard", "dog", "brown", "house", "horse"}


def make_score(space: Space, text: str) -> LinearScore:
    vector = space.text.embed([text])[0]
    return LinearScore(np.float32(9) * vector, -7.0, vector)


@pytest.mark.parametrize("text", ["dog", "brown dog", "a dog on the beach"])
def test_add_word_heads_keeps_mean_and_deviation_over_the_bank(space: Space, text: str) -> None:
    assert space.word_heads is not None
    bank, before = space.bank.images, make_score(space, text)
    after, scale = add_word_heads(before, text, space.word_heads, bank)
    assert scale is not None
    old, new = bank @ before.weight + before.bias, bank @ after.weight + after.bias
    assert (new.mean(), new.std()) == (pytest.approx(old.mean(), abs=1e-3), pytest.approx(old.std(), rel=1e-3))
    assert not np.allclose(old, new)
    words = split_query_words(text)
    plain = np.mean([bank @ head + bias for head, bias in space.word_heads.find(words)], axis=0)
    about = scale.slope * new + scale.offset
    assert np.corrcoef(plain, about)[0, 1] > 0.7
    assert about.mean() == pytest.approx(plain.mean(), abs=0.05)


def test_find_of_a_word_that_names_an_object_is_between_both_heads(space: Space) -> None:
    assert space.word_heads is not None
    heads = space.word_heads.heads
    phrase, object_ = heads.phrases.names.index("dog"), heads.objects.names.index("dog")
    ((weight, bias),) = space.word_heads.find(["dog"])
    expected = (1 - OBJECT_SHARE) * heads.phrases.weight_CD[phrase] + OBJECT_SHARE * heads.objects.weight_CD[object_]
    assert weight == pytest.approx(expected, abs=1e-6)
    assert heads.phrases.bias_C[phrase] <= bias <= heads.objects.bias_C[object_]


@pytest.mark.parametrize("text", ["", "zzyzx", "a man in a blue coat walks through deep snow"])
def test_add_word_heads_of_long_and_unknown_texts_keeps_the_score(space: Space, text: str) -> None:
    assert space.word_heads is not None
    before = make_score(space, text or "x")
    assert add_word_heads(before, text, space.word_heads, space.bank.images) == (before, None)
    assert len(WEIGHTS) < len(split_query_words("a man in a blue coat walks through deep snow"))


def test_correct_typing_errors_replaces_unknown_words_near_the_vocabulary() -> None:
    assert correct_typing_errors("brwon skatebord", VOCABULARY) == "brown skateboard"
    assert correct_typing_errors("baech", VOCABULARY) == "beach"
    for text in ("house", "Baech", "gog", "bicycles", "seahorse", "mouse", "", "baech " * 9):
        assert correct_typing_errors(text, VOCABULARY) == text


def test_build_query_with_a_typing_error_searches_images_for_both_spellings(space: Space) -> None:
    typed, correct = build_query(space, text="baech"), build_query(space, text="beach")
    assert any('"baech" is searched as "beach" too' in note for note in typed.notes)
    assert not any("searched as" in note for note in correct.notes)
    of_typed, of_correct = (query.evidence_queries[0] for query in (typed, correct))
    assert (of_typed.kind, of_correct.kind) == ("picture", "picture")
    assert of_typed.direction @ of_correct.direction > 0.6


def test_build_query_describes_only_queries_of_one_text(space: Space) -> None:
    assert build_query(space, text="a dog", also=["grass"]).text is None
    assert build_query(space, text="a dog", without=["grass"]).text is not None
    assert build_query(space, without=["grass"], may_only_exclude=True).text is not None
    assert build_query(space, text="a dog", weights=Weights(text=2.0)).text is None
