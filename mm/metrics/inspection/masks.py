"""Overlap of a predicted mask with its ground truth (Dice 1945; Jaccard 1912)."""

from __future__ import annotations

from mm.errors import InvalidInput
from mm.metrics.inspection.regions import Mask


def dice(predicted_HW: Mask, true_HW: Mask) -> float:
    """Twice the shared area divided by the sum of both areas; 1 where both are empty.

    Raises `InvalidInput` for shapes that differ.
    """
    shared, total = _count(predicted_HW, true_HW)
    return 2 * shared / total if total else 1.0


def mask_iou(predicted_HW: Mask, true_HW: Mask) -> float:
    """Shared area divided by the area of the union; 1 where both are empty.

    Raises `InvalidInput` for shapes that differ.
    """
    shared, total = _count(predicted_HW, true_HW)
    return shared / (total - shared) if total else 1.0


def _count(predicted_HW: Mask, true_HW: Mask) -> tuple[int, int]:
    """Pixels in both masks, and the sum of the pixels of each."""
    if predicted_HW.shape != true_HW.shape or predicted_HW.dtype != bool or true_HW.dtype != bool:
        raise InvalidInput(
            f"Masks of {predicted_HW.shape} {predicted_HW.dtype} and {true_HW.shape} {true_HW.dtype} cannot be compared; "
            "both are boolean and of one shape."
        )
    return int((predicted_HW & true_HW).sum()), int(predicted_HW.sum()) + int(true_HW.sum())
