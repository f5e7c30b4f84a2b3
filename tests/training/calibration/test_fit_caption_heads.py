"""The heads of captions, fitted to generated vectors and captions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mm.data.captioned_images import CaptionedImage
from mm.errors import InvalidInput
from mm.evaluation.language.caption_heads import evaluate_caption_heads
from mm.numerics import normalize_rows
from mm.training.calibration.fit_caption_heads import count_phrases, fit_caption_heads, fit_regressions
from mm.training.logistic_regression import fit_logistic

RANDOM = np.random.default_rng(0)
DIM = 6


def test_fit_regressions_finds_what_newtons_method_finds() -> None:
    features = RANDOM.normal(size=(400, DIM))
    labels = (RANDOM.random((400, 3)) < 1 / (1 + np.exp(-features[:, :3] * 2 + 1))).astype(np.float64)
    fitted = fit_regressions(features, labels, ridge=1.0, num_steps=300)
    for column in range(3):
        assert fitted[:, column] == pytest.approx(fit_logistic(features, labels[:, column], np.ones(400), 1.0), abs=1e-4)


def test_count_phrases_has_the_share_of_references() -> None:
    counts = count_phrases([("a", "dog"), ("a", "dog", "runs"), ("one", "dog"), ("a", "cat")])
    assert (counts["dog"], counts["a dog"], counts["runs"]) == (0.75, 0.5, 0.25)


def make_rows(count: int) -> tuple[list[CaptionedImage], np.ndarray]:
    """The first two coordinates say whether a dog or a boat is visible; a zebra is rare."""
    vectors = normalize_rows(RANDOM.standard_normal((count, DIM), np.float32))
    shown = [{"dog": vector[0] > 0, "boat": vector[1] > 0.2, "zebra": row == 0} for row, vector in enumerate(vectors)]
    names = [[name for name, is_shown in objects.items() if is_shown] for objects in shown]
    captions = [(f"{' and '.join(f'a {name}' for name in objects) or 'nothing'} .",) for objects in names]
    return [CaptionedImage(Path(f"{number}.jpg"), texts) for number, texts in enumerate(captions)], vectors


def test_fit_caption_heads_predict_the_captions_of_images_that_they_were_not_fitted_to() -> None:
    rows, vectors = make_rows(600)
    heads = fit_caption_heads(rows, vectors, "abc")
    assert {"dog", "boat"} <= set(heads.objects.names)
    assert {"dog", "a dog", "a boat"} <= set(heads.phrases.names)
    assert "zebra" not in {*heads.objects.names, *heads.phrases.names}
    assert 0 < heads.objects.other_share < 0.01
    others, other_vectors = make_rows(200)
    values = {measure.name: measure.interval.value for measure in evaluate_caption_heads(heads, others, other_vectors).measures}
    assert values["objects: area under the ROC curve, mean"] > 0.95
    assert values["phrases: area under the ROC curve, mean"] > 0.9
    shares = values["objects: the same by the shares of training images"]
    assert values["objects: log loss of an image, nats"] < 0.7 * shares


def test_fit_caption_heads_of_few_images_is_refused() -> None:
    rows, vectors = make_rows(10)
    with pytest.raises(InvalidInput, match="No object is mentioned by the captions of 25 of 10 images"):
        fit_caption_heads(rows, vectors, "abc")
