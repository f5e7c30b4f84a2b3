"""Confidence in captions: high for what a photo shows, low for what it does not."""

from __future__ import annotations

import numpy as np
import pytest

from mm.models.image.sample_photos import NAMES, load_sample_photos
from mm.numerics import sigmoid
from mm.spaces import Space
from mm.spaces.caption_confidence import measure_confidence
from mm.spaces.scoring import compute_logits, depictable

CAPTIONS = {
    "chelsea.png": "A cat looks at the camera.",
    "coffee.png": "A cup of coffee is on a table.",
    "motorcycle_left.png": "A red motorcycle stands in a garage.",
}


def test_measure_confidence_is_highest_for_the_photo_that_the_caption_describes(space: Space) -> None:
    photos = [load_sample_photos()[NAMES.index(name)] for name in CAPTIONS]
    vectors = space.image.embed(photos)
    confidences = np.array([[measure_confidence(space, text, vector) for vector in vectors] for text in CAPTIONS.values()])
    assert (confidences.argmax(1) == np.arange(3)).all()
    assert (np.diag(confidences) > 0.3).all(), confidences
    assert (confidences[~np.eye(3, dtype=bool)] < 0.1).all(), confidences


def test_measure_confidence_equals_the_calibrator_of_text_and_images(space: Space) -> None:
    (vector,) = space.image.embed(load_sample_photos()[:1])
    text = "A woman in a space suit smiles."
    texts = space.text.embed([text])
    calibrator = space.calibration.find_calibrator("text", "picture")
    assert calibrator is not None
    logits = compute_logits(calibrator, texts, vector[None], space.bank.images, np.array([depictable(texts[0], space.bank)]))
    assert measure_confidence(space, text, vector) == pytest.approx(sigmoid(logits)[0, 0], abs=1e-4)


def test_measure_confidence_of_no_caption_is_zero(space: Space) -> None:
    assert measure_confidence(space, "  ", space.image.embed(load_sample_photos()[:1])[0]) == 0.0
