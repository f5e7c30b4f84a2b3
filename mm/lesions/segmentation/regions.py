"""Connected regions of a probability map.

A region is a connected area above the threshold. Where a connected area above the weak threshold
has no pixel above the threshold, it is a region as well, so that a reviewer who accepts more false
alarms can see it; its confidence is low.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from mm.lesions.segmentation.confidence import RegionConfidence, describe_region
from mm.numerics import Float32, Float64

MIN_SHARE = 0.0008
"""Share of the image below which an area is left out."""


@dataclass(frozen=True, slots=True, eq=False)
class LesionRegion:
    """An area of an image that may show a lesion: a candidate for review, not a diagnosis."""

    inner_HW: npt.NDArray[np.bool_]
    """The mask within the box; holes are filled."""
    box: tuple[int, int, int, int]
    """x, y, width and height in pixels of the image."""
    features_F: Float64
    """As of `describe_region`."""
    confidence: float
    """Probability that a reader's outline of a lesion overlaps it by at least half (IoU)."""
    is_weak: bool
    """Whether no pixel is above the threshold."""

    @property
    def area_px(self) -> int:
        """Number of pixels."""
        return int(self.inner_HW.sum())

    def place(self, shape: tuple[int, ...]) -> npt.NDArray[np.bool_]:
        """The mask in an image of this shape (H, W)."""
        x, y, width, height = self.box
        mask_HW = np.zeros(shape, bool)
        mask_HW[y : y + height, x : x + width] = self.inner_HW
        return mask_HW

    def outline(self) -> npt.NDArray[np.float32]:
        """The outer boundary (P, 2), x and y in pixels of the image."""
        contours, _ = cv2.findContours(self.inner_HW.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        longest = max(contours, key=len).reshape(-1, 2)
        return np.asarray(longest + np.array(self.box[:2]), np.float32)


def find_regions(
    probability_HW: Float32, presence: float, threshold: float, weak_threshold: float, confidence: RegionConfidence
) -> list[LesionRegion]:
    """The regions of a map, in descending order of their confidences."""
    labels_HW = _label(probability_HW > weak_threshold)
    strong_HW = probability_HW > threshold
    strong_labels = set(np.unique(labels_HW[strong_HW]).tolist())
    is_weak_label = np.ones(int(labels_HW.max()) + 1, bool)
    is_weak_label[[0, *strong_labels]] = False
    regions = [
        _describe(mask_HW, probability_HW, presence, confidence, is_weak=is_weak)
        for areas_HW, is_weak in ((strong_HW, False), (is_weak_label[labels_HW], True))
        for mask_HW in _split(areas_HW)
    ]
    return sorted(regions, key=lambda region: -region.confidence)


def _label(areas_HW: npt.NDArray[np.bool_]) -> npt.NDArray[np.int32]:
    return np.asarray(cv2.connectedComponents(areas_HW.astype(np.uint8), connectivity=8)[1], np.int32)


def _split(areas_HW: npt.NDArray[np.bool_]) -> list[npt.NDArray[np.bool_]]:
    """The areas of sufficient size, each with its holes filled."""
    contours, _ = cv2.findContours(areas_HW.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    masks: list[npt.NDArray[np.bool_]] = []
    for contour in contours:
        mask_HW = cv2.drawContours(np.zeros(areas_HW.shape, np.uint8), [contour], -1, 1, cv2.FILLED).astype(bool)
        if mask_HW.sum() >= MIN_SHARE * mask_HW.size:
            masks.append(mask_HW)
    return masks


def _describe(
    mask_HW: npt.NDArray[np.bool_], probability_HW: Float32, presence: float, confidence: RegionConfidence, *, is_weak: bool
) -> LesionRegion:
    x, y, width, height = cv2.boundingRect(mask_HW.astype(np.uint8))
    features_F = describe_region(probability_HW[mask_HW].astype(np.float64), float(mask_HW.mean()), presence)
    value = float(confidence.predict(features_F[None])[0])
    inner_HW = mask_HW[y : y + height, x : x + width].copy()  # a clip has many regions, most of them small
    return LesionRegion(inner_HW, (int(x), int(y), int(width), int(height)), features_F, value, is_weak)
