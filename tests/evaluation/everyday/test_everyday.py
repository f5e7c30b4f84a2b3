"""`mm eval everyday` on libraries whose picture vectors are those of their captions."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mm.data.everyday.questions import Question
from mm.data.sets.types import EvaluationSet, SetItem
from mm.evaluation.everyday.diagram import draw_reliability
from mm.evaluation.everyday.fit import Coefficients, cross_fit, fit_bands, fit_coefficients, number_sources
from mm.evaluation.everyday.libraries import PictureLibrary, Ranking, make_library, rank_questions
from mm.evaluation.everyday.measures import COLUMNS, EverydayReport, measure, measure_languages
from mm.numerics import Float64, sigmoid
from mm.spaces import Space
from mm.spaces.text_queries.bands import FEATURES, HIT_FEATURES, compute_confidences

NUM_PICTURES = 40
THINGS = ("dog", "car", "beach", "mountain")


@pytest.fixture(scope="module")
def library(space: Space) -> PictureLibrary:
    captions = [f"a {THINGS[number % 4]} in picture {number}" for number in range(NUM_PICTURES)]
    items = tuple(SetItem(f"{number}.png", Path("x"), f"{number}", (text,)) for number, text in enumerate(captions))
    vectors = space.text.embed(captions)
    bank = space.bank.images[:NUM_PICTURES]
    mixed = 0.5 * vectors + 0.9 * bank
    mixed /= np.linalg.norm(mixed, axis=1, keepdims=True)
    named = dict(zip([item.id for item in items], mixed, strict=True))
    return make_library("flickr8k", EvaluationSet("flickr8k", "dev", items), named)


def list_questions() -> list[Question]:
    right = [tuple(f"{number}.png" for number in range(first, NUM_PICTURES, 4)) for first in range(4)]
    answerable = [
        Question(f"a{i}", "one word", "flickr8k", thing, right[i], ("3.png",) * (i != 3)) for i, thing in enumerate(THINGS)
    ]
    absent = [Question(f"n{i}", "two words", "flickr8k", text, (), ()) for i, text in enumerate(("a giraffe", "no tax return"))]
    caption = Question("c", "captions", "flickr8k", "", ("5.png",), (), ("5.png", 0))
    return [*answerable, *absent, caption, Question("o", "one word", "tuxpaint", "dog", ("x",), ())]


@pytest.fixture(scope="module")
def rankings(space: Space, library: PictureLibrary) -> list[Ranking]:
    return list(rank_questions(space, list_questions(), [library]))


def test_rank_questions_asks_answerable_questions_twice_and_leaves_pictures_out(rankings: list[Ranking]) -> None:
    assert [each.variant for each in rankings] == ["answerable", "left out"] * 4 + ["absent"] * 2 + ["answerable", "left out"]
    dog, without_dogs = rankings[:2]
    assert dog.first_right == 1
    assert dog.right_H.sum() > 4
    assert (without_dogs.first_right, without_dogs.right_H.sum()) == (0, 0)
    assert dog.features_HF.shape == (10, len(FEATURES))
    assert (np.diff(dog.scores_H) <= 0).all()


def test_shipped_bands_call_no_hit_of_an_absent_thing_likely(space: Space, rankings: list[Ranking]) -> None:
    calibration = space.band_calibration
    assert calibration is not None
    best = {
        each.question.id: compute_confidences(calibration.english, each.features_HF).max()
        for each in rankings
        if each.variant == "absent"
    }
    assert all(value < calibration.likely for value in best.values()), best


def make_rankings(rankings: list[Ranking]) -> tuple[list[Ranking], list[Float64]]:
    """Rankings of many sources whose hits are right with a probability that follows the score."""
    random, made, truth = np.random.default_rng(0), [], []
    for number in range(120):
        features = np.zeros((10, len(FEATURES)))
        features[:, 0] = -np.sort(-random.normal(0, 2, 10))
        features[:, len(HIT_FEATURES)] = features[0, 0]
        probability = sigmoid(features[:, 0] - 1)
        question = replace(rankings[0].question, id=str(number), right=(str(number),))
        ranking = replace(rankings[0], question=question, features_HF=features, right_H=(random.random(10) < probability) * 1.0)
        # In other languages the same features have other probabilities.
        probability_de = sigmoid(0.5 * features[:, 0] + 1)
        question_de = replace(question, language="de")
        right_de = (random.random(10) < probability_de) * 1.0
        made += [ranking, replace(ranking, question=question_de, is_english=False, right_H=right_de)]
        truth += [probability, probability_de]
    return made, truth


def test_cross_fit_recovers_probabilities_without_the_questions_of_a_source(rankings: list[Ranking]) -> None:
    made, truth = make_rankings(rankings)
    confidences = cross_fit(made)
    assert np.abs(np.concatenate(confidences) - np.concatenate(truth)).mean() < 0.05
    calibration = fit_bands(made, "hash")
    for fit, slope in ((calibration.english, 1.0), (calibration.other, 0.5)):
        assert fit.coefficients["score"] == pytest.approx(slope, abs=0.15)
        assert all(fit.coefficients[name] >= 0 for name in HIT_FEATURES)


def test_fit_bands_leaves_out_questions_that_were_taken_for_another_language(rankings: list[Ranking]) -> None:
    made, _ = make_rankings(rankings)
    mistaken = [replace(each, is_english=not each.is_english, right_H=1 - each.right_H) for each in made]
    assert fit_bands(made + mistaken, "hash") == fit_bands(made, "hash")


def test_number_sources_gives_a_question_and_its_library_one_number(rankings: list[Ranking]) -> None:
    assert list(number_sources(rankings)[:4]) == [0, 0, 1, 1]


def test_fit_coefficients_has_no_negative_slope_in_the_score_of_a_hit() -> None:
    random = np.random.default_rng(0)
    features = random.normal(size=(400, len(FEATURES)))
    right = (random.random(400) < sigmoid(-2 * features[:, 0] + features[:, -1])) * 1.0
    fitted = fit_coefficients(features, right)
    assert isinstance(fitted, Coefficients)
    assert fitted.of_features[0] == 0.0
    assert fitted.of_features[-1] > 0.5
    assert fitted.predict(features).mean() == pytest.approx(right.mean(), abs=0.01)


def test_measure_reports_shares_by_kind_and_groups_by_source(rankings: list[Ranking]) -> None:
    confidences = [np.full(10, 0.6 if each.variant == "answerable" else 0.2) for each in rankings]
    report = measure(rankings, confidences, 0.5, "questions")
    value = {each.name: each.interval.value for each in report.measures}
    assert isinstance(report, EverydayReport)
    many = [each.right_H.sum() >= 8 for each in rankings[:8] if each.variant == "answerable" and len(each.question.right) >= 10]
    assert value[f"one word: {COLUMNS['many']}"] == np.mean(many)
    assert value[f"one word: {COLUMNS['likely']}"] == 1.0
    assert value[f"all: {COLUMNS['likely without']}"] == 0.0
    precision = np.mean(np.concatenate([each.right_H for each in rankings if each.variant == "answerable"]))
    assert value[f"all: {COLUMNS['precision']}"] == pytest.approx(precision)
    assert f"captions: {COLUMNS['many']}" not in value
    assert "| captions |" in report.table()
    assert len({item.group for item in report.items}) == 7
    assert {item.kind for item in report.items} == {"one word", "two words", "captions"}


def test_measure_languages_has_a_row_for_each_language(rankings: list[Ranking]) -> None:
    german = [replace(each, question=replace(each.question, language="de")) for each in rankings]
    report = measure_languages([*german, *rankings], [np.full(10, 0.6)] * (2 * len(rankings)), 0.5, "questions")
    rows = [line.split(" | ")[0] for line in report.table().splitlines() if line.startswith("| ")]
    assert rows == ["| language", "| ---", "| de", "| en", "| all"]


def test_draw_reliability_gives_equal_bytes_and_a_panel_for_each_kind(rankings: list[Ranking]) -> None:
    confidences = [np.linspace(0.9, 0.1, 10) for _ in rankings]
    drawn = draw_reliability(rankings, confidences)
    assert drawn == draw_reliability(rankings, confidences)
    assert all(f">{kind}</text>" in drawn for kind in ("one word", "negation", "long sentences"))
    assert drawn.count("<circle") >= 3
