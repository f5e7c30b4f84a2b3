"""BLEU, ROUGE-L and CIDEr-D equal plain implementations from the papers, on random captions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mm.errors import InvalidInput
from mm.metrics.language import CiderD, bleu, cider_d, count_document_frequencies, rouge_l, tokenize
from mm.metrics.language.bleu import count_bleu
from mm.metrics.language.cider import END_TOKEN
from tests.metrics.language import plain
from tests.metrics.language.plain import CORPUS, FULL_CAPTION, Words

Corpus = list[tuple[Words, list[Words]]]
DOG = tokenize("a dog runs on the grass")
MAN = tokenize("a man sits by the sea today")


def split(corpus: Corpus) -> tuple[list[Words], list[list[Words]]]:
    return [candidate for candidate, _ in corpus], [references for _, references in corpus]


@settings(max_examples=60, deadline=None)
@given(CORPUS)
def test_bleu_equals_the_definition(corpus: Corpus) -> None:
    """Where an order has no match the constants of the COCO code give up to (1e-6) ** (1 / 4)."""
    expected = np.array(plain.bleu(corpus))
    scores = bleu(*split(corpus))
    assert scores[expected > 0] == pytest.approx(expected[expected > 0], rel=1e-6)
    assert (scores[expected == 0] < 0.032).all()


@settings(max_examples=30, deadline=None)
@given(CORPUS, st.data())
def test_bleu_counts_of_repeated_rows_score_as_the_repeated_corpus(corpus: Corpus, data: st.DataObject) -> None:
    rows = np.array(data.draw(st.lists(st.integers(0, len(corpus) - 1), min_size=1, max_size=8)))
    assert count_bleu(*split(corpus)).score(rows) == pytest.approx(bleu(*split([corpus[row] for row in rows])))


@settings(max_examples=60, deadline=None)
@given(CORPUS)
def test_rouge_l_equals_the_definition(corpus: Corpus) -> None:
    assert rouge_l(*split(corpus)) == pytest.approx([plain.rouge_l(*row) for row in corpus])


@settings(max_examples=60, deadline=None)
@given(CORPUS)
def test_cider_d_equals_the_definition(corpus: Corpus) -> None:
    assert cider_d(*split(corpus)) == pytest.approx(plain.cider_d(corpus), abs=1e-9)


@settings(max_examples=30, deadline=None)
@given(CORPUS, st.lists(FULL_CAPTION, min_size=1, max_size=3), st.data())
def test_cider_d_with_counted_frequencies_equals_own_frequencies(corpus: Corpus, other: list[Words], data: st.DataObject) -> None:
    """Frequencies of a set serve a part of it: the other image changes nothing but them."""
    candidates, references = split(corpus)
    whole = CiderD([*references, other])
    part = CiderD(references, count_document_frequencies([*references, other]))
    assert part.score(candidates) == pytest.approx(whole.score([*candidates, ()])[:-1])
    index = data.draw(st.integers(0, len(corpus) - 1))
    assert part.score_one(index, candidates[index]) == part.score(candidates)[index]


@settings(max_examples=30, deadline=None)
@given(CORPUS)
def test_cider_d_with_end_equals_appended_end_tokens(corpus: Corpus) -> None:
    candidates, references = split(corpus)
    ended = [[(*words, END_TOKEN) for words in several] for several in references]
    assert CiderD(references, with_end=True).score(candidates) == pytest.approx(
        CiderD(ended).score([(*words, END_TOKEN) for words in candidates])
    )


def test_cider_d_with_end_penalizes_caption_that_stops_early() -> None:
    """The loss of the last word is larger with the end token: the last n-grams are missed, too."""
    references = [[DOG], [MAN], [tokenize("two men ride a horse")]]
    plain_scores, ended = CiderD(references), CiderD(references, with_end=True)
    losses = [scorer.score_one(0, DOG) - scorer.score_one(0, DOG[:-1]) for scorer in (plain_scores, ended)]
    assert plain_scores.score_one(0, DOG) == pytest.approx(10)
    assert ended.score_one(0, DOG) == pytest.approx(10)
    assert losses[1] > losses[0] > 0


def test_scores_of_identical_captions_are_the_maximum_and_of_empty_ones_zero() -> None:
    candidates, references = [DOG, MAN], [[DOG], [MAN]]
    assert bleu(candidates, references) == pytest.approx(np.ones(4))
    assert rouge_l(candidates, references) == pytest.approx(np.ones(2))
    assert cider_d(candidates, references) == pytest.approx(np.full(2, 10.0))
    empty: list[Words] = [(), ()]
    assert bleu(empty, references).max() == 0
    assert not rouge_l(empty, references).any()
    assert not cider_d(empty, references).any()


def test_scores_of_repeated_word_are_clipped() -> None:
    """The example of Papineni et al.: 2 of 7 unigrams."""
    candidate, references = ("the",) * 7, [tokenize("the cat is on the mat"), tokenize("there is a cat on the mat")]
    assert bleu([candidate], [references])[0] == pytest.approx(2 / 7)
    assert rouge_l([candidate], [references])[0] == pytest.approx(plain.rouge_l(candidate, references))


def test_bleu_of_two_equally_close_references_uses_the_shorter() -> None:
    counts = count_bleu([DOG], [[(*DOG, "now"), DOG[:-1]]])
    assert counts.reference_length_C.tolist() == [5]


@pytest.mark.parametrize("score", [bleu, rouge_l, cider_d])
@pytest.mark.parametrize(
    ("candidates", "references"),
    [([], []), ([DOG], [[]]), ([DOG], [[DOG], [DOG]]), (["a dog"], [[DOG]]), ([DOG], [["a dog"]])],
    ids=["none", "no references", "lengths", "string candidate", "string reference"],
)
def test_scores_of_invalid_captions_raise_invalid_input(score: object, candidates: list, references: list) -> None:
    with pytest.raises(InvalidInput):
        score(candidates, references)  # type: ignore[operator]


def test_cider_d_of_another_number_of_captions_raises_invalid_input() -> None:
    with pytest.raises(InvalidInput):
        CiderD([[DOG]]).score([DOG, DOG])
    with pytest.raises(InvalidInput):
        CiderD([[DOG], []])
    with pytest.raises(InvalidInput):
        count_document_frequencies([])


def test_cider_d_of_strings_raises_invalid_input() -> None:
    with pytest.raises(InvalidInput, match="tokenized"):
        CiderD([["a dog"]])  # type: ignore[list-item]
    with pytest.raises(InvalidInput, match="tokenized"):
        CiderD([[DOG]]).score_one(0, "a dog")  # type: ignore[arg-type]
    with pytest.raises(InvalidInput, match="tokenized"):
        count_document_frequencies([["a dog"]])  # type: ignore[list-item]
