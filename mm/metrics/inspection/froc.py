"""Free-response ROC: sensitivity over false positives per image (Bunch et al. 1978).

Names of arrays end in their axes: P candidates of an image, L its lesions, T distinct thresholds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mm.errors import InvalidInput
from mm.metrics.inspection.regions import Mask
from mm.numerics import Float64

MISS = -1
"""The lesion of a candidate that marks none."""


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """Marked regions of one image with their confidences, and the lesions that they mark."""

    confidence_P: npt.NDArray[np.floating]
    lesion_P: npt.NDArray[np.integer]
    """Index of the lesion that the candidate marks, or -1."""
    num_lesions: int

    def __post_init__(self) -> None:
        shapes_differ = self.confidence_P.ndim != 1 or self.confidence_P.shape != self.lesion_P.shape
        if shapes_differ or not np.isfinite(self.confidence_P).all():
            raise InvalidInput("Each candidate needs a finite confidence and the index of its lesion, or -1.")
        if self.num_lesions < 0 or ((self.lesion_P < MISS) | (self.lesion_P >= self.num_lesions)).any():
            raise InvalidInput(f"A candidate marks a lesion that is not among the {self.num_lesions} of its image.")


@dataclass(frozen=True, slots=True, eq=False)
class Froc:
    """A curve over thresholds in descending order."""

    threshold_T: Float64
    false_positives_T: Float64
    """Mean number of false positives per image."""
    sensitivity_T: Float64

    def sensitivity_at(self, false_positives: float) -> float:
        """Highest sensitivity with at most so many false positives per image, or 0."""
        rows = self.false_positives_T <= false_positives
        return float(self.sensitivity_T[rows].max(initial=0.0))

    def threshold_at(self, false_positives: float) -> float:
        """Lowest threshold with at most so many false positives per image, or infinity."""
        rows = self.false_positives_T <= false_positives
        return float(self.threshold_T[rows].min(initial=np.inf))


def froc(images: Sequence[Candidates]) -> Froc:
    """Measure the curve over all images, those without a lesion included.

    A candidate counts from the threshold that equals its confidence. Further candidates of a lesion
    that is already marked are neither hits nor false positives. Raises `InvalidInput` without
    images and without lesions.
    """
    num_lesions = sum(image.num_lesions for image in images)
    if not num_lesions:
        raise InvalidInput("Sensitivity needs at least one lesion.")
    false_positives = np.concatenate([image.confidence_P[image.lesion_P == MISS] for image in images])
    hits = np.concatenate([_first_confidences(image) for image in images])
    threshold_T = np.unique(np.concatenate([false_positives, hits]))[::-1].astype(np.float64)
    return Froc(
        threshold_T,
        _count_from(false_positives, threshold_T) / len(images),
        _count_from(hits, threshold_T) / num_lesions,
    )


def match_regions(predicted: Sequence[Mask], true: Sequence[Mask], min_iou: float) -> npt.NDArray[np.int64]:
    """Index of the true region that each predicted region overlaps most, or -1 below `min_iou`.

    Masks are (H, W) of one image. Several predicted regions may mark one true region.
    """
    if not 0 < min_iou <= 1:
        raise InvalidInput(f"The overlap {min_iou} of a hit must be above 0 and at most 1.")
    lesion_P = np.full(len(predicted), MISS)
    for index, own in enumerate(predicted):
        overlaps = [float((own & other).sum() / max((own | other).sum(), 1)) for other in true]
        if overlaps and max(overlaps) >= min_iou:
            lesion_P[index] = int(np.argmax(overlaps))
    return lesion_P


def _first_confidences(image: Candidates) -> Float64:
    """Highest confidence of the candidates of each marked lesion."""
    highest_L = np.full(image.num_lesions, -np.inf)
    marks = image.lesion_P != MISS
    np.maximum.at(highest_L, image.lesion_P[marks], image.confidence_P[marks])
    return np.asarray(highest_L[np.isfinite(highest_L)])


def _count_from(values: npt.NDArray[np.floating], threshold_T: Float64) -> npt.NDArray[np.int64]:
    """Number of values at or above each threshold."""
    return np.asarray(len(values) - np.searchsorted(np.sort(values), threshold_T, side="left"))
