"""Fit the head of objects: which objects the captions of an image mention, from its vector.

One logistic regression for each object, all at once by a fixed bound of the curvature (Boehning and
Lindsay 1988, doi:10.1007/BF00049423): each step is one product, and the loss falls at each. It
needs no torch. Names of arrays end in their axes: N images, D dimensions, C objects.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mm.data.language.captions import make_sentences
from mm.errors import InvalidInput
from mm.metrics.language.captions import tokenize_references
from mm.metrics.language.objects import default_object_words
from mm.models.image.object_head import ObjectHead
from mm.numerics import sigmoid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mm.data.captioned_images import CaptionedImage
    from mm.numerics import Float64
    from mm.spaces.types import Vectors

MIN_IMAGES = 25
"""Images that mention an object; rarer objects share one probability."""
NUM_STEPS = 300
RIDGE = 0.3
"""Chosen on half of dev by the log loss."""


def fit_objects(rows: Sequence[CaptionedImage], images: Vectors, image_weights: str, min_images: int = MIN_IMAGES) -> ObjectHead:
    """Fit on captioned images and their vectors (N, D).

    `image_weights` is the SHA-256 of the weights that encoded them. Raises `InvalidInput` when no
    object is mentioned by `min_images` images.
    """
    words = default_object_words()
    mentioned = [
        words.supported_by(references) for references in tokenize_references([make_sentences(row.captions) for row in rows])
    ]
    names = sorted(set(words.object_of.values()))
    counts = {name: sum(name in objects for objects in mentioned) for name in names}
    frequent = tuple(name for name in names if counts[name] >= min_images)
    if not frequent:
        raise InvalidInput(f"No object is mentioned by the captions of {min_images} of {len(rows)} images.")
    is_mentioned_NC = np.array([[name in objects for name in frequent] for objects in mentioned], np.float64)
    coefficients_EC = fit_regressions(images.astype(np.float64), is_mentioned_NC)
    rare = [counts[name] for name in names if name not in frequent]
    other = (sum(rare) + 1) / (len(rows) * max(len(rare), 1) + 2)
    weight_CD, bias_C = coefficients_EC[:-1].T.astype(np.float32), coefficients_EC[-1].astype(np.float32)
    return ObjectHead(image_weights, frequent, weight_CD, bias_C, float(f"{other:.4g}"))


def fit_regressions(features_ND: Float64, labels_NC: Float64, ridge: float = RIDGE, num_steps: int = NUM_STEPS) -> Float64:
    """Coefficients (D + 1, C), the bias last, of logistic regressions of labels 0 and 1.

    Minimises the log loss, summed over examples, plus ridge / 2 times the squared length of the
    coefficients without the bias, as `mm.training.logistic_regression`.
    """
    design_NE = np.c_[features_ND, np.ones(len(features_ND))]
    penalty_E = np.full(design_NE.shape[1], ridge)
    penalty_E[-1] = 1e-9
    step_EE = np.linalg.inv(design_NE.T @ design_NE / 4 + np.diag(penalty_E))  # p (1 - p) is at most 1 / 4
    coefficients_EC = np.zeros((design_NE.shape[1], labels_NC.shape[1]))
    for _ in range(num_steps):
        gradient_EC = design_NE.T @ (labels_NC - sigmoid(design_NE @ coefficients_EC)) - penalty_E[:, None] * coefficients_EC
        coefficients_EC = coefficients_EC + step_EE @ gradient_EC
    return coefficients_EC
