"""Fit the heads of captions: which objects and phrases captions of an image have, by its vector.

One logistic regression for each name, all at once by a fixed bound of the curvature (Boehning and
Lindsay 1988, doi:10.1007/BF00049423): each step is one product, and the loss falls at each. It
needs no torch. Names of arrays end in their axes: N images, D dimensions, C names, E coefficients.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from mm.data.language.captions import make_sentences
from mm.errors import InvalidInput
from mm.metrics.language.captions import tokenize_references
from mm.metrics.language.objects import default_object_words
from mm.models.image.caption_heads import PHRASE_LENGTHS, CaptionHeads, list_phrases
from mm.models.image.linear_head import LinearHead
from mm.numerics import sigmoid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mm.data.captioned_images import CaptionedImage
    from mm.metrics.language.ngrams import Tokens
    from mm.numerics import Float64
    from mm.spaces.types import Vectors

MIN_OBJECT_IMAGES, MIN_PHRASE_IMAGES = 25, 60
"""Images that mention a name; rarer ones have no regression."""
NUM_STEPS = 100
RIDGE = 0.3
"""Chosen on half of dev by the log loss of objects."""


def fit_caption_heads(
    rows: Sequence[CaptionedImage],
    images: Vectors,
    image_weights: str,
    min_images: tuple[int, int] = (MIN_OBJECT_IMAGES, MIN_PHRASE_IMAGES),
) -> CaptionHeads:
    """Fit on captioned images and their vectors (N, D).

    `image_weights` is the SHA-256 of the weights that encoded them. Raises `InvalidInput` when no
    object, or no phrase, is mentioned by `min_images` images.
    """
    references = tokenize_references([make_sentences(row.captions) for row in rows])
    words = default_object_words()
    # An object of one caption is visible, whatever the others mention; a phrase is one of many.
    objects = [dict.fromkeys(words.supported_by(several), 1.0) for several in references]
    phrases = [count_phrases(several) for several in references]
    return CaptionHeads(
        _fit_head("object", objects, images, image_weights, min_images[0]),
        _fit_head("phrase", phrases, images, image_weights, min_images[1]),
    )


def count_phrases(references: Sequence[Tokens]) -> dict[str, float]:
    """The share of the references of an image that have a phrase."""
    phrases = Counter(phrase for tokens in references for length in PHRASE_LENGTHS for phrase in list_phrases(tokens, length))
    return {phrase: count / len(references) for phrase, count in phrases.items()}


def fit_regressions(features_ND: Float64, labels_NC: Float64, ridge: float = RIDGE, num_steps: int = NUM_STEPS) -> Float64:
    """Coefficients (D + 1, C), the bias last, of logistic regressions of labels in 0..1.

    Minimises the log loss, summed over examples, plus ridge / 2 times the squared length of the
    coefficients without the bias, as `mm.training.logistic_regression`.
    """
    design_NE = np.c_[features_ND, np.ones(len(features_ND))]
    penalty_E = np.full(design_NE.shape[1], ridge)
    penalty_E[-1] = 1e-9
    step_EE = np.linalg.inv(design_NE.T @ design_NE / 4 + np.diag(penalty_E))  # p (1 - p) is at most 1 / 4
    coefficients_EC = np.zeros((design_NE.shape[1], labels_NC.shape[1]))
    share_C = labels_NC.mean(0).clip(1e-6, 1 - 1e-6)
    coefficients_EC[-1] = np.log(share_C / (1 - share_C))
    for _ in range(num_steps):
        gradient_EC = design_NE.T @ (labels_NC - sigmoid(design_NE @ coefficients_EC)) - penalty_E[:, None] * coefficients_EC
        coefficients_EC = coefficients_EC + step_EE @ gradient_EC
    return coefficients_EC


def _fit_head(
    kind: str, mentioned: Sequence[dict[str, float]], images: Vectors, image_weights: str, min_images: int
) -> LinearHead:
    """Fit the names that enough images mention; `mentioned` has the labels of each image."""
    counts = Counter(name for names in mentioned for name in names)
    frequent = tuple(sorted(name for name, count in counts.items() if count >= min_images))
    if not frequent:
        raise InvalidInput(f"No {kind} is mentioned by the captions of {min_images} of {len(mentioned)} images.")
    labels_NC = np.array([[names.get(name, 0.0) for name in frequent] for names in mentioned])
    coefficients_EC = fit_regressions(images.astype(np.float64), labels_NC)
    rare = [count for count in counts.values() if count < min_images] or [1]
    # Of a rare name as it occurs in a caption, not of one as it is listed.
    other_share = sum(count * count for count in rare) / sum(rare) / len(mentioned)
    return LinearHead(
        image_weights,
        frequent,
        coefficients_EC[:-1].T.astype(np.float32),
        coefficients_EC[-1].astype(np.float32),
        np.array([counts[name] / len(mentioned) for name in frequent], np.float32),
        float(f"{other_share:.4g}"),
    )
