"""Fit the confidence of written captions: the probability that a caption is right.

A caption is right when it names no object that the references of its image lack. It needs no torch.
Names of arrays end in their axes: N captions, F features.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from mm.errors import InvalidInput
from mm.evaluation.language.caption_confidence import find_wrong_captions
from mm.spaces.calibration import ConfidenceCalibrator
from mm.spaces.caption_confidence import measure_features
from mm.training.logistic_regression import fit_logistic

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mm.data.captioned_images import CaptionedImage
    from mm.generation.caption_ranking import GeneratedCaption
    from mm.numerics import Float64
    from mm.spaces import Space
    from mm.spaces.types import Vectors

RIDGE = 1e-3


def make_examples(
    space: Space, rows: Sequence[CaptionedImage], images: Vectors, captions: Sequence[GeneratedCaption]
) -> tuple[Float64, npt.NDArray[np.bool_]]:
    """Features (N, F) of the captions of images (N, D), and whether each is right."""
    texts = [caption.text for caption in captions]
    features = measure_features(space, texts, images, [caption.logprob for caption in captions])
    return features, ~find_wrong_captions(rows, texts)


def fit_confidence(sets: Sequence[tuple[Float64, npt.NDArray[np.bool_]]]) -> ConfidenceCalibrator:
    """Fit on sets of examples, as `make_examples` returns them.

    All sets have the same weight, whatever their sizes. Raises `InvalidInput` when all captions are
    right, or all are wrong.
    """
    is_right_N = np.concatenate([is_right for _, is_right in sets])
    if is_right_N.all() or not is_right_N.any():
        raise InvalidInput(f"Of {len(is_right_N)} captions {is_right_N.sum()} are right: no confidence can be fitted.")
    weight_N = np.concatenate([np.full(len(is_right), 1.0 / len(is_right)) for _, is_right in sets]) * len(is_right_N)
    features_NF = np.concatenate([features for features, _ in sets])
    similarity, logprob, familiarity, objects, bias = fit_logistic(features_NF, is_right_N.astype(np.float64), weight_N, RIDGE)
    coefficients = {"bias": bias, "similarity": similarity, "logprob": logprob, "familiarity": familiarity, "objects": objects}
    return ConfidenceCalibrator(**{name: float(f"{value:.5g}") for name, value in coefficients.items()})
