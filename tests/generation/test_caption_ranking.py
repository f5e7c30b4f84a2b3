"""Ranking of captions by what an image shows, beside its definition."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mm.generation.caption_ranking import CaptionRanking, GeneratedCaption
from mm.numerics import Float32, Float64

DIM = 4


class SeededTexts:
    """A text that is a number is embedded as the random unit vector of this seed."""

    def __init__(self) -> None:
        self.num_calls = 0

    def embed(self, texts: Sequence[str]) -> Float32:
        self.num_calls += 1
        vectors = np.stack([np.random.default_rng(int(text)).standard_normal(DIM, np.float32) for text in texts])
        unit: Float32 = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        return unit


class SeededHeads:
    """The scores of a text that is a number are random, by this seed."""

    def score_objects(self, captions: Sequence[str], images_ND: Float32) -> Float64:
        assert images_ND.shape == (len(captions), DIM)
        return np.array([-5.0 * np.random.default_rng(int(text)).random() for text in captions])

    def score_phrases(self, captions: Sequence[str], images_ND: Float32) -> Float64:
        assert images_ND.shape == (len(captions), DIM)
        return np.array([np.random.default_rng(int(text) + 7).random() for text in captions])


def select_alone(
    candidates: Sequence[GeneratedCaption], image_D: Float32, weights: tuple[float, float, float]
) -> GeneratedCaption:
    """The definition: each candidate is embedded and scored alone."""
    best, best_score = candidates[0], -np.inf
    for candidate in candidates:
        score = candidate.logprob + weights[0] * float(SeededTexts().embed([candidate.text])[0] @ image_D)
        score += weights[1] * SeededHeads().score_objects([candidate.text], image_D[None])[0]
        score += weights[2] * SeededHeads().score_phrases([candidate.text], image_D[None])[0]
        if score > best_score:
            best, best_score = candidate, score
    return best


@given(
    st.lists(st.tuples(st.integers(0, 1000), st.integers(-100, 0)), min_size=1, max_size=6, unique_by=lambda pair: pair[0]),
    st.tuples(st.integers(-8, 8), st.integers(0, 3), st.integers(0, 3)),
    st.integers(0, 100),
)
def test_caption_ranking_selects_what_its_definition_selects(
    pairs: list[tuple[int, int]], weights: tuple[int, int, int], seed: int
) -> None:
    candidates = [GeneratedCaption(str(number), tenths / 10) for number, tenths in pairs]
    image_D, texts = SeededTexts().embed([str(seed)])[0], SeededTexts()
    selected = CaptionRanking(texts, SeededHeads(), *weights).select(candidates, image_D)
    assert selected == select_alone(candidates, image_D, weights)
    assert texts.num_calls == (len(candidates) > 1), "all candidates are embedded in one call"


def test_caption_ranking_of_weight_zero_selects_the_most_probable_candidate() -> None:
    candidates = [GeneratedCaption("1", -0.5), GeneratedCaption("2", -0.4), GeneratedCaption("3", -0.4)]
    assert CaptionRanking(SeededTexts(), SeededHeads(), 0.0, 0.0, 0.0).select(candidates, np.ones(DIM, np.float32)).text == "2"
