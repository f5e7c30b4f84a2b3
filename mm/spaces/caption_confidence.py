"""Confidence in a written caption: how probable it is that it is right about its image.

A language model is as fluent about an image unlike its training data as about any other. What
separates right captions from wrong ones: whether the space finds the sentence similar to the image,
how probable the sentence was for the model, how familiar the image is, that is, how similar to the
images of the bank, which are photos as in the training data, and how probable the image shows the
objects that the sentence names. Names of arrays end in their axes:
N captions, D dimensions, F features.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mm.numerics import sigmoid
from mm.spaces.query import build_query

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mm.numerics import Float64
    from mm.spaces.calibration import Bank, ConfidenceCalibrator
    from mm.spaces.space import Space
    from mm.spaces.types import Vector, Vectors

NUM_NEAREST = 10
"""Images of the bank that an image is compared with."""


def measure_confidence(space: Space, caption: str, image: Vector, logprob: float) -> float:
    """Probability in 0..1 that a caption is right about an image (D,).

    `logprob` is the mean log probability of the tokens of the caption. 0 for an empty caption.
    Without a calibrator of confidence, which comes with the trained weights of the language model,
    the caption is compared with the image as the text of a query is; 0 in a space that compares no
    text with images.
    """
    if not caption.strip():
        return 0.0
    calibrator = space.calibration.caption_confidence
    if calibrator is not None:
        return float(score_captions(calibrator, measure_features(space, [caption], image[None], [logprob]))[0])
    query = next((query for query in build_query(space, text=caption).evidence_queries if query.kind == "picture"), None)
    return 0.0 if query is None else float(sigmoid(query.logits(image[None]))[0])


def measure_features(space: Space, captions: Sequence[str], images_ND: Vectors, logprobs: Sequence[float]) -> Float64:
    """Features (N, 4) of captions and their images: similarity, logprob, familiarity, objects."""
    similarity_N = (space.text.embed(captions) * images_ND).sum(1)
    objects_N = space.caption_heads.score_objects(captions, images_ND)
    columns = [similarity_N, logprobs, measure_familiarity(space.bank, images_ND), objects_N]
    features: Float64 = np.stack(columns, axis=1).astype(np.float64)
    return features


def measure_familiarity(bank: Bank, images_ND: Vectors) -> Float64:
    """Mean cosine (N,) of images and their `NUM_NEAREST` nearest images of the bank."""
    cosines = images_ND @ bank.images.T
    count = min(NUM_NEAREST, cosines.shape[1])
    nearest: Float64 = np.partition(cosines, -count, axis=1)[:, -count:].mean(1, dtype=np.float64)
    return nearest


def score_captions(calibrator: ConfidenceCalibrator, features_NF: Float64) -> Float64:
    """Probabilities (N,) from the features of `measure_features`."""
    weights_F = np.array([calibrator.similarity, calibrator.logprob, calibrator.familiarity, calibrator.objects])
    return sigmoid(features_NF @ weights_F + calibrator.bias)
