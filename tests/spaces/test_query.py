"""Queries as calibrated evidence queries."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mm.errors import InvalidInput
from mm.media.types import SPEECH_RATE
from mm.numerics import normalize
from mm.schemas import Weights
from mm.spaces import EvidenceQuery, Query, Space
from mm.spaces.calibration import Calibrator
from mm.spaces.lite_space import SOUND_WEIGHTS
from mm.spaces.query import NO_SOUND, SegmentVectors, build_query
from mm.spaces.registry import WEIGHTS
from mm.spaces.scoring import audible, combine, depictable, linearize
from tests.sounds import bell, noise, siren
from tests.spaces.fakes import plain


def match_probabilities(query: Query, kind: str, vectors: np.ndarray) -> np.ndarray:
    (evidence_query,) = [evidence_query for evidence_query in query.evidence_queries if evidence_query.kind == kind]
    logits = evidence_query.logits(vectors.astype(np.float32)).astype(np.float64)
    return np.asarray(1 / (1 + np.exp(-logits)))


def kinds(evidence_queries: tuple[EvidenceQuery, ...]) -> list[str]:
    return [evidence_query.kind for evidence_query in evidence_queries]


def test_build_query_compares_each_component_with_the_right_kinds(space: Space) -> None:
    text, image = build_query(space, text="a dog"), build_query(space, picture=plain(200, 30, 30))
    clip, audio = build_query(space, clip=[plain(200, 30, 30), plain(0, 0, 9)]), build_query(space, sound=siren(2))
    of_captions = set() if space.calibration.find_calibrator("text", "caption") is None else {"caption"}
    assert set(kinds(text.evidence_queries)) == {"picture", "speech", "sound", "written", "word", "name"} | of_captions
    assert set(kinds(image.evidence_queries)) == {"picture", "sound"}
    assert set(kinds(clip.evidence_queries)) == {"picture", "sound"}
    assert set(kinds(audio.evidence_queries)) == {"picture", "sound"}


def test_evidence_query_direction_is_its_normalized_weight(space: Space) -> None:
    query = build_query(space, text="a dog in the snow", picture=plain(250, 250, 255))
    assert query.space == space.id
    assert 0 < query.floor < 1
    for evidence_query in query.evidence_queries:
        assert np.linalg.norm(evidence_query.direction) == pytest.approx(1, abs=1e-5)
        assert evidence_query.direction @ evidence_query.weight == pytest.approx(np.linalg.norm(evidence_query.weight), rel=1e-4)


def test_text_query_matches_the_same_sentence_of_speech_only(space: Space) -> None:
    sentence_vectors = space.text.embed(
        ["the meeting was moved to Thursday", "a dog runs over the grass", "she sells sea shells"]
    )
    probabilities = match_probabilities(build_query(space, text="the meeting was moved to Thursday"), "speech", sentence_vectors)
    assert probabilities[0] > 0.5
    assert (probabilities[1:] < space.calibration.floor).all()


@pytest.mark.parametrize("text", ["quarterly tax return", "integral of x squared", "asdf jkl; qwer uiop"])
def test_text_query_that_is_not_depictable_matches_no_image(space: Space, text: str) -> None:
    assert (match_probabilities(build_query(space, text=text), "picture", space.bank.images) < space.calibration.floor).all()


@pytest.mark.parametrize("text", ["a brown dog", "people on a beach", "a boy kicks a ball", "bicycle"])
def test_text_query_of_a_common_thing_matches_some_image(space: Space, text: str) -> None:
    assert (match_probabilities(build_query(space, text=text), "picture", space.bank.images) >= space.calibration.floor).any()


@pytest.mark.parametrize(("shown", "unshown"), [("a cat", "loyalty"), ("a motorcycle", "opportunity cost"), ("coins", "why not")])
def test_depictable_separates_things_from_abstractions(space: Space, shown: str, unshown: str) -> None:
    can, cannot = (depictable(space.text.embed([text])[0], space.bank) for text in (shown, unshown))
    assert cannot < np.log(0.2) < np.log(0.5) < can <= 0


def test_image_query_ranks_the_same_image_first(space: Space) -> None:
    pictures = [plain(250, 20, 20), plain(20, 200, 20), plain(90, 90, 90)]
    probabilities = match_probabilities(build_query(space, picture=pictures[1]), "picture", space.image.embed(pictures))
    assert probabilities.argmax() == 1


def test_build_query_of_two_components_adds_their_weighted_log_odds(space: Space) -> None:
    picture = plain(30, 60, 200)
    text_query, image_query, combined_query = (
        build_query(space, text="the blue sea"),
        build_query(space, picture=picture),
        build_query(space, text="the blue sea", picture=picture),
    )
    vectors = space.bank.images[:50]
    before = np.log(space.calibration.prior / (1 - space.calibration.prior))
    (a,), (b,), (c,) = (
        [p for p in query.evidence_queries if p.kind == "picture"] for query in (text_query, image_query, combined_query)
    )
    expected = before + space.calibration.evidence_weight * (a.logits(vectors) + b.logits(vectors) - 2 * before)
    np.testing.assert_allclose(c.logits(vectors), expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(("text", "answer"), [("a siren", 0), ("a bell rings", 1), ("white noise", 2)])
def test_text_query_matches_the_described_sound_only(space: Space, text: str, answer: int) -> None:
    vectors = np.stack([vector for make in (siren, bell, noise) if (vector := space.sound.embed(make(4))) is not None])
    probabilities = match_probabilities(build_query(space, text=text), "sound", vectors)
    assert probabilities[answer] > 0.5
    assert (np.delete(probabilities, answer) < space.calibration.floor).all()


@pytest.mark.parametrize("text", ["quarterly tax return", "integral of x squared", "asdf jkl; qwer uiop"])
def test_text_query_that_is_not_audible_matches_no_sound(space: Space, text: str) -> None:
    assert (match_probabilities(build_query(space, text=text), "sound", space.bank.sounds) < space.calibration.floor).all()


@pytest.mark.parametrize(
    ("sound_text", "abstract_text"), [("thunder", "loyalty"), ("applause", "opportunity cost"), ("a siren", "why not")]
)
def test_audible_separates_sounds_from_abstractions(space: Space, sound_text: str, abstract_text: str) -> None:
    can, cannot = (audible(space.text.embed([text])[0], space.bank) for text in (sound_text, abstract_text))
    assert cannot < np.log(0.2) < np.log(0.5) < can <= 0


def test_sound_query_matches_similar_sounds_only(space: Space) -> None:
    vectors = np.stack([vector for make in (siren, bell, noise) if (vector := space.sound.embed(make(4))) is not None])
    query = build_query(space, sound=bell(6, seed=3))
    assert (query.transcript, query.notes) == (None, ())
    probabilities = match_probabilities(query, "sound", vectors)
    assert probabilities[1] > 0.5
    assert (probabilities[[0, 2]] < space.calibration.floor).all()


def test_query_by_a_stored_sound_equals_that_by_its_audio(space: Space) -> None:
    sound_vector = space.sound.embed(siren(3))
    assert sound_vector is not None
    none = np.zeros((0, space.dim), np.float32)
    ours, theirs = build_query(space, like=SegmentVectors(None, none, sound_vector[None])), build_query(space, sound=siren(3))
    for actual, expected in zip(ours.evidence_queries, theirs.evidence_queries, strict=True):
        assert actual.kind == expected.kind
        np.testing.assert_allclose(actual.weight, expected.weight, atol=1e-3)


def test_shipped_sound_calibration_matches_the_shipped_weights(space: Space) -> None:
    digest = hashlib.sha256((WEIGHTS / "lite" / SOUND_WEIGHTS).read_bytes()).hexdigest()
    assert space.sound_calibration.sound_weights == digest
    assert {(entry.component, entry.kind) for entry in space.calibration.calibrators} >= {
        (entry.component, entry.kind) for entry in space.sound_calibration.calibrators
    }


def test_build_query_of_silence_has_no_evidence_query_and_a_note(space: Space) -> None:
    query = build_query(space, sound=np.zeros(SPEECH_RATE, np.float32))
    assert query.evidence_queries == ()
    assert query.transcript is None
    assert query.notes == (NO_SOUND,)


def test_component_weight_multiplies_its_log_odds_above_the_prior(space: Space) -> None:
    before = np.log(space.calibration.prior / (1 - space.calibration.prior))
    once, twice = (build_query(space, text="the blue sea", weights=Weights(text=weight)).evidence_queries[0] for weight in (1, 2))
    vectors = space.bank.images[:50]
    np.testing.assert_allclose(twice.logits(vectors) - before, 2 * (once.logits(vectors) - before), rtol=1e-3, atol=1e-3)
    alone, left_out = (
        build_query(space, picture=plain(9, 9, 99)),
        build_query(space, text="x", picture=plain(9, 9, 99), weights=Weights(text=0)),
    )
    np.testing.assert_array_equal(alone.evidence_queries[0].weight, left_out.evidence_queries[0].weight)


def test_build_query_treats_also_as_further_text_components(space: Space) -> None:
    first, second = build_query(space, text="a dog", also=["the sea"]), build_query(space, text="the sea", also=["a dog", " "])
    for ours, theirs in zip(first.evidence_queries, second.evidence_queries, strict=True):
        np.testing.assert_allclose(ours.weight, theirs.weight, rtol=1e-4, atol=1e-5)
    assert not np.allclose(first.evidence_queries[0].weight, build_query(space, text="a dog").evidence_queries[0].weight)


def test_without_adds_negations_and_leaves_evidence_queries_unchanged(space: Space) -> None:
    plain_query, query = build_query(space, text="a dog"), build_query(space, text="a dog", without=["grass", "snow", ""])
    assert kinds(query.negations) == kinds(plain_query.evidence_queries) * 2
    for ours, theirs in zip(query.evidence_queries, plain_query.evidence_queries, strict=True):
        np.testing.assert_array_equal(ours.weight, theirs.weight)
    assert build_query(space, text="a dog", without=["grass"], weights=Weights(without=0)).negations == ()


def test_query_by_a_segment_with_speech_only_compares_speech_only(space: Space) -> None:
    sentence_vectors = space.sentences.embed(["the meeting was moved to Thursday", "a dog runs over the grass"])
    query = build_query(space, like=SegmentVectors(None, sentence_vectors[:1], sentence_vectors[:0]))
    assert kinds(query.evidence_queries) == ["speech"]
    probabilities = match_probabilities(query, "speech", sentence_vectors)
    assert probabilities[0] > 0.5 > probabilities[1]


@pytest.mark.parametrize(
    "arguments",
    [{}, {"text": ""}, {"text": "  \n"}, {"clip": []}, {"without": ["a dog"]}, {"text": "a dog", "weights": Weights(text=0)}],
)
def test_build_query_without_a_component_raises_invalid_input(space: Space, arguments: dict[str, object]) -> None:
    with pytest.raises(InvalidInput, match="empty"):
        build_query(space, **arguments)  # type: ignore[arg-type]


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10**6), st.floats(-5, 5), st.floats(-9, 9), st.floats(0.1, 3), st.floats(-8, 0))
def test_linearize_equals_the_formula_of_the_calibrator(
    seed: int, bias: float, cosine: float, z_score: float, log_probability: float
) -> None:
    random = np.random.default_rng(seed)
    bank, stored = (random.normal(size=(30, 8)).astype(np.float32) for _ in range(2))
    query = normalize(random.normal(size=8).astype(np.float32))
    calibrator = Calibrator(bias=bias, cosine=cosine, z_score=z_score, depictable=1)
    score = linearize(calibrator, query, bank, log_probability)
    cosines = bank @ query
    z = (stored @ query - cosines.mean()) / cosines.std()
    np.testing.assert_allclose(
        stored @ score.weight + score.bias, bias + cosine * (stored @ query) + z_score * z + log_probability, rtol=1e-3, atol=1e-3
    )
    assert combine([(score, 1.0)], 0.001, 0.5) is score


def test_build_query_has_both_bounds_of_the_calibration(space: Space) -> None:
    query = build_query(space, text="a dog")
    assert (query.floor, query.possible) == (0.166, 0.02)


def test_build_query_that_only_excludes_matches_images_by_absence(space: Space) -> None:
    dog, cat = space.text.embed(["a dog", "a cat"])
    vectors = np.stack([dog, cat])
    alone = build_query(space, without=["a dog"], may_only_exclude=True)
    assert kinds(alone.evidence_queries) == ["picture"]
    unwanted = build_query(space, text="a cat", without=["a dog"]).negations
    (of_images,) = [query for query in unwanted if query.kind == "picture"]
    expected = 1 / (1 + np.exp(of_images.logits(vectors).astype(np.float64)))
    assert match_probabilities(alone, "picture", vectors) == pytest.approx(expected, abs=1e-6)
    assert {query.kind for query in alone.negations} == {query.kind for query in unwanted} - {"picture"}
    with pytest.raises(InvalidInput, match="empty"):
        build_query(space, without=["a dog"], weights=Weights(without=0), may_only_exclude=True)
