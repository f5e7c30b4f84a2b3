"""Confidence in captions: high for what a photo shows, low for what it does not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mm.models.image.sample_photos import NAMES, load_sample_photos
from mm.numerics import sigmoid
from mm.spaces import Space
from mm.spaces.calibration import Bank, ConfidenceCalibrator
from mm.spaces.caption_confidence import (
    NUM_NEAREST,
    measure_confidence,
    measure_familiarity,
    measure_features,
    score_captions,
)
from mm.spaces.scoring import compute_logits, depictable
from mm.spaces.space import Lazy

CAPTIONS = {
    "chelsea.png": "A cat looks at the camera.",
    "coffee.png": "A cup of coffee is on a table.",
    "motorcycle_left.png": "A red motorcycle stands in a garage.",
}


def test_measure_confidence_is_highest_for_the_photo_that_the_caption_describes(space: Space) -> None:
    photos = [load_sample_photos()[NAMES.index(name)] for name in CAPTIONS]
    vectors = space.image.embed(photos)
    confidences = np.array([[measure_confidence(space, text, vector, -0.5) for vector in vectors] for text in CAPTIONS.values()])
    assert (confidences.argmax(1) == np.arange(3)).all()
    assert (confidences[~np.eye(3, dtype=bool)] < 0.1).all(), confidences


def test_measure_confidence_without_its_calibrator_equals_that_of_text_and_images(space: Space) -> None:
    calibration = space.calibration.model_copy(update={"caption_confidence": None})
    space = replace(space, loaders=replace(space.loaders, calibration=Lazy(lambda: calibration)))
    (vector,) = space.image.embed(load_sample_photos()[:1])
    text = "A woman in a space suit smiles."
    texts = space.text.embed([text])
    calibrator = space.calibration.find_calibrator("text", "picture")
    assert calibrator is not None
    logits = compute_logits(calibrator, texts, vector[None], space.bank.images, np.array([depictable(texts[0], space.bank)]))
    assert measure_confidence(space, text, vector, -0.5) == pytest.approx(sigmoid(logits)[0, 0], abs=1e-4)


def test_measure_confidence_of_no_caption_is_zero(space: Space) -> None:
    assert measure_confidence(space, "  ", space.image.embed(load_sample_photos()[:1])[0], -0.5) == 0.0


def test_measure_familiarity_is_the_mean_cosine_of_the_nearest_images() -> None:
    random = np.random.default_rng(0)
    images, bank = random.standard_normal((5, 8), np.float32), random.standard_normal((30, 8), np.float32)
    measured = measure_familiarity(Bank({"pictures": bank, "sentences": bank, "depictable": np.zeros(9)}), images)
    expected = [np.mean(sorted((image @ other for other in bank), reverse=True)[:NUM_NEAREST]) for image in images]
    assert measured == pytest.approx(expected, abs=1e-5)
    few = measure_familiarity(Bank({"pictures": bank[:3], "sentences": bank, "depictable": np.zeros(9)}), images)
    assert few == pytest.approx((images @ bank[:3].T).mean(1), abs=1e-5)


def test_measure_confidence_with_a_calibrator_equals_its_definition(space: Space) -> None:
    vectors, text = space.image.embed(load_sample_photos()[:2]), "A woman smiles."
    calibrator = ConfidenceCalibrator(bias=-1.0, similarity=3.0, logprob=0.5, familiarity=2.0, objects=0.25)
    calibration = space.calibration.model_copy(update={"caption_confidence": calibrator})
    calibrated = replace(space, loaders=replace(space.loaders, calibration=Lazy(lambda: calibration)))
    for vector in vectors:
        similarity = float(space.text.embed([text])[0] @ vector)
        logits = -1.0 + 3.0 * similarity - 0.5 * 0.7 + 2.0 * measure_familiarity(space.bank, vector[None])
        logits += 0.25 * space.caption_heads.score_objects([text], vector[None])
        assert measure_confidence(calibrated, text, vector, -0.7) == pytest.approx(sigmoid(logits)[0], abs=1e-5)
    features = measure_features(space, [text, text], vectors, [-0.7, -0.1])
    together = score_captions(calibrator, features)
    assert together[0] == pytest.approx(measure_confidence(calibrated, text, vectors[0], -0.7), abs=1e-5)
    assert together[1] == pytest.approx(measure_confidence(calibrated, text, vectors[1], -0.1), abs=1e-5)


def test_caption_heads_of_the_space_prefer_captions_with_the_objects_of_a_photo(space: Space) -> None:
    vectors, heads = (
        space.image.embed([load_sample_photos()[NAMES.index(name)] for name in ("chelsea.png", "motorcycle_left.png")]),
        space.caption_heads,
    )
    right, wrong = ["A cat looks up.", "A motorcycle is parked."], ["A motorcycle is parked.", "A cat looks up."]
    assert (heads.score_objects(right, vectors) > heads.score_objects(wrong, vectors)).all()
    assert heads.score_phrases(right, vectors).sum() > heads.score_phrases(wrong, vectors).sum()
