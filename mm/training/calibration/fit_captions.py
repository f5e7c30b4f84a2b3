"""Fit the calibrator of written captions, as evidence beside the image that they describe.

A caption is written from the image, so that the two are not independent, while their fusion in a
search (noisy-or) takes them as such. The calibrator is therefore fitted with the evidence of the
image in place: the fused probability, 1 - (1 - p(image)) (1 - p(caption)), has the greatest
likelihood. It needs no torch. Names of arrays end in their axes: Q queries, N images, F features.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mm.data.captioned_images import CaptionedImage
from mm.data.short_queries import draw_short_queries
from mm.errors import InvalidInput
from mm.numerics import Float64, sigmoid
from mm.spaces import Space
from mm.spaces.calibration import Calibrator, CaptionCalibration, ComponentCalibrator, ConfidenceCalibrator
from mm.spaces.scoring import compute_cosines, compute_logits, depictable
from mm.spaces.types import Vectors
from mm.training.calibration.calibrators import LabelledPairs, round_coefficients
from mm.training.calibration.queries import NUM_SHORT, SHORT_LENGTHS

DEPICTABILITY_WEIGHT = 1.0
"""As for images: what no image can show, no caption of an image is about."""
MAX_STEPS, TOLERANCE, RIDGE = 100, 1e-8, 1e-7
START = (-6.0, 1.0, 1.0)
"""Bias, cosine and z-score before the first step."""


def fit_captions(
    space: Space,
    rows: Sequence[CaptionedImage],
    images: Vectors,
    captions: Sequence[str],
    confidence: ConfidenceCalibrator,
    weights_hash: str,
    seed: int = 0,
) -> CaptionCalibration:
    """Fit on images (N, D), their references as queries and one written caption for each.

    `confidence` becomes a part of the calibration. `weights_hash` identifies the model that wrote
    the captions. Raises `InvalidInput` when a
    caption is missing.
    """
    if len(captions) != len(rows) or not all(captions):
        raise InvalidInput(f"Each of the {len(rows)} images needs a written caption.")
    calibration, bank = space.calibration, space.bank
    by_image = calibration.find_calibrator("text", "picture")
    if by_image is None:
        raise InvalidInput(f"The space {space.id} compares no text with images.")
    pairs = pair_texts_with_captions(space, rows, captions, seed)
    log_depictable_Q = np.array([depictable(query, bank) for query in pairs.queries])
    image_logits_QN = compute_logits(by_image, pairs.queries, images, bank.images, log_depictable_Q)
    calibrator = fit_beside(pairs, image_logits_QN, bank.sentences, DEPICTABILITY_WEIGHT * log_depictable_Q, calibration.prior)
    entry = ComponentCalibrator(component="text", kind="caption", calibrator=round_coefficients(calibrator))
    return CaptionCalibration(caption_weights=weights_hash, prior=calibration.prior, calibrators=(entry,), confidence=confidence)


def pair_texts_with_captions(space: Space, rows: Sequence[CaptionedImage], captions: Sequence[str], seed: int) -> LabelledPairs:
    """References as queries for the caption of their image, and, with equal weight, short ones."""
    texts = [caption for row in rows for caption in row.captions]
    own_QN = np.repeat(np.arange(len(rows)), [len(row.captions) for row in rows])[:, None] == np.arange(len(rows))
    by_image = [row.captions for row in rows]
    short = [query for length in SHORT_LENGTHS for query in draw_short_queries(by_image, length, NUM_SHORT, seed)]
    embed = space.sentences.embed
    return LabelledPairs(
        embed([*texts, *(query.text for query in short)]),
        embed(list(captions)),
        np.concatenate([own_QN, *(query.relevant[None] for query in short)]),
        np.concatenate([np.ones_like(own_QN), *(query.is_known[None] for query in short)]),
        np.concatenate([np.ones(len(texts)), np.full(len(short), len(texts) / max(len(short), 1))]),
    )


def fit_beside(pairs: LabelledPairs, other_logits_QN: Float64, bank: Vectors, offset_Q: Float64, prior: float) -> Calibrator:
    """Fit bias, cosine and z-score by Fisher scoring of the fused likelihood.

    `other_logits_QN` are the log-odds of the other evidence at `prior`; `offset_Q` is added to the
    log-odds of each query. Relevant pairs are weighted as in `fit_calibrator`, and so that their
    share is `prior`. A step is halved until the loss falls. Raises `InvalidInput` for pairs of
    which none or all are relevant.
    """
    weight_P = _weight_pairs(pairs, prior).ravel()
    cosines_QN, z_scores_QN = compute_cosines(pairs.queries, pairs.evidence, bank)
    features_FP = np.stack([np.ones(cosines_QN.size), cosines_QN.ravel(), z_scores_QN.ravel()])
    offset_P = np.repeat(offset_Q, cosines_QN.shape[1])
    strength_P, label_P = np.logaddexp(0.0, other_logits_QN.ravel()), pairs.relevant.ravel()

    def fuse(coefficients_F: Float64) -> tuple[Float64, Float64, float]:
        """Derivative of the strength by the log-odds (P,), fused probability (P,), and loss."""
        logit_P = coefficients_F @ features_FP + offset_P
        fused_P = strength_P + np.logaddexp(0.0, logit_P)
        probability_P = -np.expm1(-fused_P)
        losses_P = np.where(label_P, -np.log(probability_P), fused_P)
        return sigmoid(logit_P), probability_P, float(weight_P @ losses_P + RIDGE / 2 * coefficients_F @ coefficients_F)

    coefficients_F = np.array(START)
    slope_P, probability_P, loss = fuse(coefficients_F)
    for _ in range(MAX_STEPS):
        gradient_F = features_FP @ (weight_P * slope_P * (label_P / probability_P - 1.0)) - RIDGE * coefficients_F
        information_FF = (features_FP * (weight_P * slope_P**2 * (1.0 / probability_P - 1.0))) @ features_FP.T
        step_F = np.linalg.solve(information_FF + RIDGE * np.eye(len(coefficients_F)), gradient_F)
        while (fused := fuse(coefficients_F + step_F))[2] > loss and np.abs(step_F).max() > TOLERANCE:
            step_F = step_F / 2
        if fused[2] > loss - TOLERANCE * loss:
            break
        coefficients_F = coefficients_F + step_F
        slope_P, probability_P, loss = fused
    bias, cosine, z_score = coefficients_F.tolist()
    return Calibrator(bias=bias, cosine=cosine, z_score=z_score, depictable=DEPICTABILITY_WEIGHT)


def _weight_pairs(pairs: LabelledPairs, prior: float) -> Float64:
    """Weights (Q, N) with the sum 1, of which the relevant pairs have the share `prior`."""
    relevant_QN = pairs.relevant
    weight_QN = np.ones(relevant_QN.shape) if pairs.weight is None else np.repeat(pairs.weight[:, None], relevant_QN.shape[1], 1)
    if pairs.is_counted is not None:
        weight_QN *= pairs.is_counted
    weight_QN /= np.where(relevant_QN, relevant_QN.sum(1, keepdims=True), 1)
    of_relevant, of_all = float(weight_QN[relevant_QN].sum()), float(weight_QN.sum())
    if not 0.0 < of_relevant < of_all:
        raise InvalidInput("A calibrator needs relevant and irrelevant pairs.")
    weight_QN *= np.where(relevant_QN, prior / of_relevant, (1 - prior) / (of_all - of_relevant))
    return weight_QN
