"""Questions as calibrated probes."""

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
from mm.spaces import Query, Space
from mm.spaces.calibration import Calibrator
from mm.spaces.lite_space import SOUND_WEIGHTS
from mm.spaces.query import NO_SOUND, SegmentVectors, build_query
from mm.spaces.registry import WEIGHTS
from mm.spaces.scoring import audible, combine, depictable, linearize
from tests.sounds import bell, noise, siren
from tests.spaces.fakes import plain


def chances(question: Query, kind: str, vectors: np.ndarray) -> np.ndarray:
    (probe,) = [probe for probe in question.evidence_queries if probe.kind == kind]
    compute_logits = probe.logits(vectors.astype(np.float32)).astype(np.float64)
    return np.asarray(1 / (1 + np.exp(-compute_logits)))


def test_words_look_at_everything_and_pictures_and_sounds_at_each_other(space: Space) -> None:
    assert {probe.kind for probe in build_query(space, text="a dog").evidence_queries} == {
        "picture",
        "speech",
        "sound",
        "written",
        "word",
        "name",
    }
    assert {probe.kind for probe in build_query(space, picture=plain(200, 30, 30)).evidence_queries} == {"picture", "sound"}
    assert {probe.kind for probe in build_query(space, clip=[plain(200, 30, 30), plain(0, 0, 9)]).evidence_queries} == {
        "picture",
        "sound",
    }
    assert {probe.kind for probe in build_query(space, sound=siren(2)).evidence_queries} == {"picture", "sound"}


def test_every_probe_has_a_unit_direction_along_its_weight(space: Space) -> None:
    question = build_query(space, text="a dog in the snow", picture=plain(250, 250, 255))
    assert question.space == space.id
    assert 0 < question.floor < 1
    for probe in question.evidence_queries:
        assert np.linalg.norm(probe.direction) == pytest.approx(1, abs=1e-5)
        assert probe.direction @ probe.weight == pytest.approx(np.linalg.norm(probe.weight), rel=1e-4)


def test_a_spoken_sentence_is_found_and_others_are_not(space: Space) -> None:
    said = space.text.embed(["the meeting was moved to Thursday", "a dog runs over the grass", "she sells sea shells"])
    found = chances(build_query(space, text="the meeting was moved to Thursday"), "speech", said)
    assert found[0] > 0.5
    assert (found[1:] < space.calibration.floor).all()


@pytest.mark.parametrize("text", ["quarterly tax return", "integral of x squared", "asdf jkl; qwer uiop"])
def test_no_picture_answers_what_cannot_be_shown(space: Space, text: str) -> None:
    assert (chances(build_query(space, text=text), "picture", space.bank.images) < space.calibration.floor).all()


@pytest.mark.parametrize("text", ["a brown dog", "people on a beach", "a boy kicks a ball", "bicycle"])
def test_some_picture_of_many_answers_what_is_common(space: Space, text: str) -> None:
    assert (chances(build_query(space, text=text), "picture", space.bank.images) >= space.calibration.floor).any()


@pytest.mark.parametrize(("shown", "unshown"), [("a cat", "loyalty"), ("a motorcycle", "opportunity cost"), ("coins", "why not")])
def test_what_can_be_shown_is_told_from_what_cannot(space: Space, shown: str, unshown: str) -> None:
    can, cannot = (depictable(space.text.embed([text])[0], space.bank) for text in (shown, unshown))
    assert cannot < np.log(0.2) < np.log(0.5) < can <= 0


def test_a_picture_finds_itself(space: Space) -> None:
    pictures = [plain(250, 20, 20), plain(20, 200, 20), plain(90, 90, 90)]
    found = chances(build_query(space, picture=pictures[1]), "picture", space.image.embed(pictures))
    assert found.argmax() == 1


def test_parts_add_up_to_their_mixed_sum(space: Space) -> None:
    picture = plain(30, 60, 200)
    words, seen, both = (
        build_query(space, text="the blue sea"),
        build_query(space, picture=picture),
        build_query(space, text="the blue sea", picture=picture),
    )
    vectors = space.bank.images[:50]
    before = np.log(space.calibration.prior / (1 - space.calibration.prior))
    (a,), (b,), (c,) = ([p for p in question.evidence_queries if p.kind == "picture"] for question in (words, seen, both))
    expected = before + space.calibration.evidence_weight * (a.logits(vectors) + b.logits(vectors) - 2 * before)
    np.testing.assert_allclose(c.logits(vectors), expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(("text", "answer"), [("a siren", 0), ("a bell rings", 1), ("white noise", 2)])
def test_words_find_what_sounds_and_nothing_else(space: Space, text: str, answer: int) -> None:
    vectors = np.stack([vector for make in (siren, bell, noise) if (vector := space.sound.embed(make(4))) is not None])
    found = chances(build_query(space, text=text), "sound", vectors)
    assert found[answer] > 0.5
    assert (np.delete(found, answer) < space.calibration.floor).all()


@pytest.mark.parametrize("text", ["quarterly tax return", "integral of x squared", "asdf jkl; qwer uiop"])
def test_no_sound_answers_what_cannot_be_heard(space: Space, text: str) -> None:
    assert (chances(build_query(space, text=text), "sound", space.bank.sounds) < space.calibration.floor).all()


@pytest.mark.parametrize(("heard", "unheard"), [("thunder", "loyalty"), ("applause", "opportunity cost"), ("a siren", "why not")])
def test_what_can_be_heard_is_told_from_what_cannot(space: Space, heard: str, unheard: str) -> None:
    can, cannot = (audible(space.text.embed([text])[0], space.bank) for text in (heard, unheard))
    assert cannot < np.log(0.2) < np.log(0.5) < can <= 0


def test_a_sound_finds_those_like_it(space: Space) -> None:
    vectors = np.stack([vector for make in (siren, bell, noise) if (vector := space.sound.embed(make(4))) is not None])
    question = build_query(space, sound=bell(6, seed=3))
    assert (question.transcript, question.notes) == (None, ())
    found = chances(question, "sound", vectors)
    assert found[1] > 0.5
    assert (found[[0, 2]] < space.calibration.floor).all()


def test_a_stored_sound_is_asked_with_as_the_sound_it_is(space: Space) -> None:
    heard = space.sound.embed(siren(3))
    assert heard is not None
    none = np.zeros((0, space.dim), np.float32)
    ours, theirs = build_query(space, like=SegmentVectors(None, none, heard[None])), build_query(space, sound=siren(3))
    for one, other in zip(ours.evidence_queries, theirs.evidence_queries, strict=True):
        assert one.kind == other.kind
        np.testing.assert_allclose(one.weight, other.weight, atol=1e-3)


def test_scores_of_sounds_belong_to_the_weights_that_ship(space: Space) -> None:
    digest = hashlib.sha256((WEIGHTS / "lite" / SOUND_WEIGHTS).read_bytes()).hexdigest()
    assert space.sound_calibration.sound_weights == digest
    assert {(entry.component, entry.kind) for entry in space.calibration.calibrators} >= {
        (entry.component, entry.kind) for entry in space.sound_calibration.calibrators
    }


def test_silence_asks_nothing_and_says_so(space: Space) -> None:
    question = build_query(space, sound=np.zeros(SPEECH_RATE, np.float32))
    assert question.evidence_queries == ()
    assert question.transcript is None
    assert question.notes == (NO_SOUND,)


def test_a_weight_counts_what_a_part_adds_to_the_prior(space: Space) -> None:
    before = np.log(space.calibration.prior / (1 - space.calibration.prior))
    once, twice = (build_query(space, text="the blue sea", weights=Weights(text=weight)).evidence_queries[0] for weight in (1, 2))
    vectors = space.bank.images[:50]
    np.testing.assert_allclose(twice.logits(vectors) - before, 2 * (once.logits(vectors) - before), rtol=1e-3, atol=1e-3)
    alone, left_out = (
        build_query(space, picture=plain(9, 9, 99)),
        build_query(space, text="x", picture=plain(9, 9, 99), weights=Weights(text=0)),
    )
    np.testing.assert_array_equal(alone.evidence_queries[0].weight, left_out.evidence_queries[0].weight)


def test_more_words_are_one_more_part(space: Space) -> None:
    one, other = build_query(space, text="a dog", also=["the sea"]), build_query(space, text="the sea", also=["a dog", " "])
    for ours, theirs in zip(one.evidence_queries, other.evidence_queries, strict=True):
        np.testing.assert_allclose(ours.weight, theirs.weight, rtol=1e-4, atol=1e-5)
    assert not np.allclose(one.evidence_queries[0].weight, build_query(space, text="a dog").evidence_queries[0].weight)


def test_what_a_question_is_without_changes_nothing_that_it_looks_for(space: Space) -> None:
    plainly, question = build_query(space, text="a dog"), build_query(space, text="a dog", without=["grass", "snow", ""])
    assert [probe.kind for probe in question.negations] == [probe.kind for probe in plainly.evidence_queries] * 2
    for ours, theirs in zip(question.evidence_queries, plainly.evidence_queries, strict=True):
        np.testing.assert_array_equal(ours.weight, theirs.weight)
    assert build_query(space, text="a dog", without=["grass"], weights=Weights(without=0)).negations == ()


def test_a_moment_in_which_only_something_is_said_is_asked_with_by_it(space: Space) -> None:
    said = space.sentences.embed(["the meeting was moved to Thursday", "a dog runs over the grass"])
    question = build_query(space, like=SegmentVectors(None, said[:1], said[:0]))
    assert [probe.kind for probe in question.evidence_queries] == ["speech"]
    found = chances(question, "speech", said)
    assert found[0] > 0.5 > found[1]


@pytest.mark.parametrize(
    "arguments",
    [{}, {"text": ""}, {"text": "  \n"}, {"clip": []}, {"without": ["a dog"]}, {"text": "a dog", "weights": Weights(text=0)}],
)
def test_an_empty_question_is_refused(space: Space, arguments: dict[str, object]) -> None:
    with pytest.raises(InvalidInput, match="empty"):
        build_query(space, **arguments)  # type: ignore[arg-type]


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10**6), st.floats(-5, 5), st.floats(-9, 9), st.floats(0.1, 3), st.floats(-8, 0))
def test_a_form_is_linear_in_the_stored_vector(seed: int, bias: float, cosine: float, standard: float, shown: float) -> None:
    random = np.random.default_rng(seed)
    bank, stored = (random.normal(size=(30, 8)).astype(np.float32) for _ in range(2))
    question = normalize(random.normal(size=8).astype(np.float32))
    form = Calibrator(bias=bias, cosine=cosine, z_score=standard, depictable=1)
    found = linearize(form, question, bank, shown)
    plainly = bank @ question
    z = (stored @ question - plainly.mean()) / plainly.std()
    np.testing.assert_allclose(
        stored @ found.weight + found.bias, bias + cosine * (stored @ question) + standard * z + shown, rtol=1e-3, atol=1e-3
    )
    assert combine([(found, 1.0)], 0.001, 0.5) is found
