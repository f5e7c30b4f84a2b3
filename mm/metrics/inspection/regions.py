"""Connected regions of ground-truth masks, and the check that heat maps fit their masks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import scipy

from mm.errors import InvalidInput

Heat = npt.NDArray[np.floating]
"""Anomaly of each pixel of an image, shape (H, W)."""
Mask = npt.NDArray[np.bool_]
"""Pixels that belong to something, shape (H, W)."""

EIGHT_NEIGHBOURS = np.ones((3, 3), bool)
"""Pixels that touch at a corner are connected, as in the evaluation of MVTec AD."""


def label_regions(mask_HW: Mask) -> tuple[npt.NDArray[np.int32], int]:
    """Number the 8-connected regions of a mask from 1; return (H, W) labels and their count."""
    labels, count = scipy.ndimage.label(mask_HW, EIGHT_NEIGHBOURS)
    return labels.astype(np.int32), int(count)


def check_heat_maps(heats: Sequence[Heat], masks: Sequence[Mask]) -> None:
    """Check that each finite heat map has a boolean mask of its shape.

    Images may differ in size. Raises `InvalidInput`, which names the first image that does not fit.
    """
    if not len(heats) or len(heats) != len(masks):
        raise InvalidInput(f"There are {len(heats)} heat maps and {len(masks)} masks; each image needs both.")
    for number, (heat_HW, mask_HW) in enumerate(zip(heats, masks, strict=True), 1):
        if heat_HW.ndim != 2 or heat_HW.shape != mask_HW.shape or mask_HW.dtype != np.bool_:
            raise InvalidInput(
                f"Image {number}: a heat map {heat_HW.shape} and a mask {mask_HW.shape} of {mask_HW.dtype} do not fit; "
                "both are (height, width), and the mask is boolean."
            )
        if not np.isfinite(heat_HW).all():
            raise InvalidInput(f"Image {number}: the heat map has values that are not finite.")
