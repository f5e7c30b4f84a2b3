"""The head of objects, fitted to generated vectors and captions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mm.data.captioned_images import CaptionedImage
from mm.errors import InvalidInput
from mm.evaluation.language.objects import evaluate_objects
from mm.numerics import normalize_rows
from mm.training.calibration.fit_objects import fit_objects, fit_regressions
from mm.training.logistic_regression import fit_logistic

RANDOM = np.random.default_rng(0)
DIM = 6


def test_fit_regressions_finds_what_newtons_method_finds() -> None:
    features = RANDOM.normal(size=(400, DIM))
    labels = (RANDOM.random((400, 3)) < 1 / (1 + np.exp(-features[:, :3] * 2 + 1))).astype(np.float64)
    fitted = fit_regressions(features, labels, ridge=1.0, num_steps=300)
    for column in range(3):
        assert fitted[:, column] == pytest.approx(fit_logistic(features, labels[:, column], np.ones(400), 1.0), abs=1e-4)


def make_rows(count: int) -> tuple[list[CaptionedImage], np.ndarray]:
    """The first two coordinates say whether a dog or a boat is visible; a zebra is rare."""
    vectors = normalize_rows(RANDOM.standard_normal((count, DIM), np.float32))
    shown = [{"dog": vector[0] > 0, "boat": vector[1] > 0.2, "zebra": row == 0} for row, vector in enumerate(vectors)]
    names = [[name for name, is_shown in objects.items() if is_shown] for objects in shown]
    captions = [(f"{' and '.join(f'a {name}' for name in objects) or 'nothing'} .",) for objects in names]
    return [CaptionedImage(Path(f"{number}.jpg"), texts) for number, texts in enumerate(captions)], vectors


def test_fit_objects_predicts_the_objects_of_images_that_it_was_not_fitted_to() -> None:
    rows, vectors = make_rows(600)
    head = fit_objects(rows, vectors, "abc")
    assert {"dog", "boat"} <= set(head.objects)
    assert "zebra" not in head.objects
    assert 0 < head.other_probability < 0.01
    others, other_vectors = make_rows(200)
    values = {measure.name: measure.interval.value for measure in evaluate_objects(head, others, other_vectors).measures}
    assert values["area under the ROC curve, mean over objects"] > 0.95
    assert values["log loss of an image, nats"] < 0.7 * values["the same by the shares of objects"]


def test_fit_objects_of_few_images_is_refused() -> None:
    rows, vectors = make_rows(10)
    with pytest.raises(InvalidInput, match="No object is mentioned by the captions of 25 of 10 images"):
        fit_objects(rows, vectors, "abc")
