"""Thresholds and confidence from predictions of networks that were not trained on these images."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mm.lesions.segmentation.confidence import NUM_FEATURES, RegionConfidence
from mm.training.lesions.measure import label_regions
from mm.training.lesions.predictions import PredictedImage
from mm.training.logistic_regression import fit_logistic

THRESHOLDS = tuple(round(0.05 * step, 2) for step in range(4, 15))
WEAK_SHARE = 0.3
"""The weak threshold, as a share of the threshold."""
RIDGE = 1.0


def choose_threshold(images: Sequence[PredictedImage]) -> float:
    """The threshold with the highest mean Dice of the images with a lesion, all pixels counted."""
    totals = np.zeros(len(THRESHOLDS))
    for image in images:
        num_true = int(image.truth_HW.sum())
        if not num_true:
            continue
        for index, threshold in enumerate(THRESHOLDS):
            found_HW = image.probability_HW > threshold
            totals[index] += 2 * int((found_HW & image.truth_HW).sum()) / (num_true + int(found_HW.sum()))
    return THRESHOLDS[int(totals.argmax())]


def fit_confidence(images: Sequence[PredictedImage], threshold: float, weak_threshold: float) -> RegionConfidence:
    """Fit the probability that a region marks a lesion.

    All features are those of `describe_region`. Every data set has the same weight, so that the
    confidence does not follow the largest one.
    """
    regions = [image.find(threshold, weak_threshold, RegionConfidence()) for image in images]
    _, is_correct_R = label_regions(images, regions)
    if not len(is_correct_R):
        return RegionConfidence()
    features_RF = np.array([region.features_F for found in regions for region in found])
    data_sets = [image.row.data_set for image, found in zip(images, regions, strict=True) for _ in found]
    counts = {name: data_sets.count(name) for name in set(data_sets)}
    weight_R = np.array([len(data_sets) / (len(counts) * counts[name]) for name in data_sets])
    assert features_RF.shape[1] == NUM_FEATURES
    coefficients = fit_logistic(features_RF, is_correct_R.astype(np.float64), weight_R, RIDGE)
    return RegionConfidence(tuple(map(float, coefficients[:-1])), float(coefficients[-1]))
