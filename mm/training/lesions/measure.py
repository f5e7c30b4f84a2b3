"""Measures of a lesion network on images whose lesions are outlined."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from mm.lesions.segmentation.regions import LesionRegion
from mm.numerics import Float64
from mm.training.lesions.predictions import Mask, PredictedImage

MIN_IOU = 0.5
"""Intersection over union at which a region marks a lesion."""
FALSE_POSITIVES = 0.5
"""False regions an image at which the sensitivity is stated."""
NUM_BINS = 10
"""Bins of equal size of the calibration error."""


@dataclass(frozen=True, slots=True)
class LesionScores:
    """Measures over the images of one data set."""

    num_images: int
    dice: float
    """Mean Dice of all pixels of the images with a lesion, in [0, 1]."""
    iou: float
    sensitivity: float
    """Share of the lesions that are marked at `FALSE_POSITIVES` false regions an image."""
    calibration_error: float
    """Mean distance of confidence and share of correct regions of a bin, weighted by its size."""


def measure(images: Sequence[PredictedImage], regions: Sequence[Sequence[LesionRegion]]) -> LesionScores:
    """Measures of the regions of each image. Dice counts the pixels of all that are not weak."""
    overlaps = [_overlap(image.truth_HW, found) for image, found in zip(images, regions, strict=True) if image.truth_HW.any()]
    confidence_R, is_correct_R = label_regions(images, regions)
    return LesionScores(
        len(images),
        float(np.mean([dice for dice, _ in overlaps])) if overlaps else float("nan"),
        float(np.mean([iou for _, iou in overlaps])) if overlaps else float("nan"),
        measure_sensitivity(images, regions),
        measure_calibration_error(confidence_R, is_correct_R),
    )


def measure_sensitivity(images: Sequence[PredictedImage], regions: Sequence[Sequence[LesionRegion]]) -> float:
    """Sensitivity at `FALSE_POSITIVES` false regions an image (free-response ROC).

    A lesion is marked once; a second region of the same lesion is neither a hit nor false.
    """
    marks: list[tuple[float, bool]] = []
    num_lesions = 0
    for image, found in zip(images, regions, strict=True):
        lesions = split_lesions(image.truth_HW)
        num_lesions += len(lesions)
        is_marked = [False] * len(lesions)
        for region in found:
            hits = [index for index, lesion in enumerate(lesions) if measure_iou(region.place(lesion.shape), lesion) >= MIN_IOU]
            if not hits:
                marks.append((region.confidence, False))
            elif not is_marked[hits[0]]:
                is_marked[hits[0]] = True
                marks.append((region.confidence, True))
    marks.sort(key=lambda mark: -mark[0])
    num_hits = num_false = best = 0
    for _, is_hit in marks:
        num_hits, num_false = num_hits + is_hit, num_false + (not is_hit)
        if num_false > FALSE_POSITIVES * len(images):
            break
        best = num_hits
    return best / num_lesions if num_lesions else float("nan")


def label_regions(
    images: Sequence[PredictedImage], regions: Sequence[Sequence[LesionRegion]]
) -> tuple[Float64, npt.NDArray[np.bool_]]:
    """Confidence of all regions, and whether each marks a lesion."""
    confidences: list[float] = []
    labels: list[bool] = []
    for image, found in zip(images, regions, strict=True):
        lesions = split_lesions(image.truth_HW)
        for region in found:
            confidences.append(region.confidence)
            labels.append(any(measure_iou(region.place(lesion.shape), lesion) >= MIN_IOU for lesion in lesions))
    return np.array(confidences, np.float64), np.array(labels, bool)


def measure_calibration_error(confidence_R: Float64, is_correct_R: npt.NDArray[np.bool_]) -> float:
    """Expected calibration error (Guo et al. 2017, arXiv:1706.04599) with bins of equal width."""
    if not len(confidence_R):
        return float("nan")
    bin_R = np.minimum((confidence_R * NUM_BINS).astype(int), NUM_BINS - 1)
    gaps = [abs(confidence_R[bin_R == index].sum() - is_correct_R[bin_R == index].sum()) for index in range(NUM_BINS)]
    return float(sum(gaps) / len(confidence_R))


def split_lesions(truth_HW: Mask) -> list[Mask]:
    """The connected areas of a mask."""
    num_labels, labels_HW = cv2.connectedComponents(truth_HW.astype(np.uint8), connectivity=8)
    areas = [labels_HW == label for label in range(1, num_labels)]
    return [area for area in areas if area.sum() >= 0.0003 * area.size]  # specks of an outline are no lesions


def measure_iou(first_HW: Mask, second_HW: Mask) -> float:
    """Intersection over union of two masks."""
    union = int((first_HW | second_HW).sum())
    return int((first_HW & second_HW).sum()) / union if union else 0.0


def _overlap(truth_HW: Mask, regions: Sequence[LesionRegion]) -> tuple[float, float]:
    """Dice and IoU of the pixels of all regions that are not weak."""
    found_HW = np.zeros(truth_HW.shape, bool)
    for region in regions:
        found_HW |= region.place(truth_HW.shape) & (not region.is_weak)
    common, total = int((truth_HW & found_HW).sum()), int(truth_HW.sum()) + int(found_HW.sum())
    return 2 * common / total, common / (total - common)
