"""SODA_c: equal to a search over all matchings, and what order and number of events cost."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mm.errors import InvalidInput
from mm.metrics.language import (
    CiderSimilarity,
    Event,
    cider_d,
    count_document_frequencies,
    measure_soda_c,
    soda_c,
    tokenize,
)
from mm.metrics.language.ngrams import Tokens
from mm.metrics.language.soda import match_in_order
from mm.metrics.spans import iou
from tests.metrics.language import plain

CAPTIONS = [tokenize(text) for text in ("a dog runs on grass", "two men cook a meal", "a train enters the station")]
EVENTS = [Event(10.0 * number, 10.0 * number + 8, caption) for number, caption in enumerate(CAPTIONS)]
SIMILARITY = CiderSimilarity(count_document_frequencies([[caption] for caption in CAPTIONS]))


def equality(predicted: list[Tokens], references: list[Tokens]) -> np.ndarray:
    return np.array([[float(mine == theirs) for theirs in references] for mine in predicted])


@st.composite
def matrices(draw: st.DrawFn) -> np.ndarray:
    shape = draw(st.integers(1, 5)), draw(st.integers(1, 5))
    values = draw(st.lists(st.sampled_from([0.0, 0.1, 0.25, 0.7, 1.0]), min_size=shape[0] * shape[1], max_size=25))
    return np.array(values[: shape[0] * shape[1]]).reshape(shape)


@st.composite
def events(draw: st.DrawFn, min_size: int = 1) -> list[Event]:
    starts = draw(st.lists(st.integers(0, 40), min_size=min_size, max_size=4))
    return [Event(start, start + draw(st.integers(1, 20)), draw(st.sampled_from(CAPTIONS))) for start in starts]


@settings(max_examples=100, deadline=None)
@given(matrices())
def test_match_in_order_equals_search_over_all_matchings(values: np.ndarray) -> None:
    assert match_in_order(values) == pytest.approx(plain.best_matching(values))


@settings(max_examples=60, deadline=None)
@given(events(), events())
def test_soda_c_equals_the_definition(predicted: list[Event], references: list[Event]) -> None:
    mine, theirs = (sorted(several, key=lambda event: (event.start, event.end)) for several in (predicted, references))
    spans = [np.array([(event.start, event.end) for event in several], float) for several in (mine, theirs)]
    similarity = np.array([[SIMILARITY([event.caption], [other.caption])[0, 0] for other in theirs] for event in mine])
    best = plain.best_matching(iou(*spans) * similarity)
    precision, recall = best / len(mine), best / len(theirs)
    expected = 2 * precision * recall / (precision + recall) if best else 0.0
    assert soda_c([predicted], [[references]], SIMILARITY) == pytest.approx([expected])


def test_soda_c_of_the_references_is_one_in_any_order() -> None:
    assert soda_c([EVENTS[::-1], EVENTS], [[EVENTS], [EVENTS]], SIMILARITY) == pytest.approx([1, 1])


def test_soda_c_of_exchanged_captions_matches_only_one() -> None:
    """Two events whose captions are exchanged: no match is right at its own time."""
    exchanged = [Event(EVENTS[0].start, EVENTS[0].end, CAPTIONS[1]), Event(EVENTS[1].start, EVENTS[1].end, CAPTIONS[0])]
    assert soda_c([exchanged], [[EVENTS[:2]]], equality) == pytest.approx([0])
    wide = [Event(0, 18, CAPTIONS[1]), Event(0, 19, CAPTIONS[0])]  # both overlap both, in the wrong order
    single = max(iou(np.array([[0.0, 18]]), np.array([[10.0, 18]]))[0, 0], iou(np.array([[0.0, 19]]), np.array([[0.0, 8]]))[0, 0])
    assert soda_c([wide], [[EVENTS[:2]]], equality) == pytest.approx([2 * single / 4])


def test_soda_c_of_repeated_events_falls() -> None:
    assert soda_c([EVENTS * 2], [[EVENTS]], equality) == pytest.approx([2 * 3 / (6 + 3)])


def test_soda_c_uses_the_better_set_of_references_and_scores_nothing_as_zero() -> None:
    assert soda_c([EVENTS, []], [[EVENTS[:1], EVENTS], [EVENTS]], equality) == pytest.approx([1, 0])


def test_cider_similarity_is_a_tenth_of_cider_d() -> None:
    candidates = [tokenize(text) for text in ("a dog runs", "men cook", "the train station")]
    expected = cider_d(candidates, [[caption] for caption in CAPTIONS]) / 10
    assert np.diag(SIMILARITY(candidates, CAPTIONS)) == pytest.approx(expected)


def test_measure_soda_c_is_the_mean_over_videos_and_samples_groups() -> None:
    predicted, references = [EVENTS, EVENTS[:1], [], EVENTS[1:]] * 5, [[EVENTS]] * 20
    measure = measure_soda_c(predicted, references, SIMILARITY.frequencies)
    assert measure.name == "SODA_c with CIDEr-D"
    assert measure.interval.value == pytest.approx(soda_c(predicted, references, SIMILARITY).mean())
    assert measure.interval.low < measure.interval.value < measure.interval.high
    grouped = measure_soda_c(predicted, references, SIMILARITY.frequencies, np.arange(20) // 4).interval
    assert grouped.high - grouped.low < 1e-9  # each group has the same four videos


@pytest.mark.parametrize(
    ("predicted", "references"),
    [([], []), ([EVENTS], []), ([EVENTS], [[]]), ([EVENTS], [[[]]]), ([[Event(3, 3, CAPTIONS[0])]], [[EVENTS]])],
    ids=["none", "lengths", "no set", "no events", "no duration"],
)
def test_soda_c_of_invalid_events_raises_invalid_input(predicted: list, references: list) -> None:
    with pytest.raises(InvalidInput):
        soda_c(predicted, references, equality)
