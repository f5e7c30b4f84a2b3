"""What the head receives of each patch, beside the vector of the backbone.

Vector and details are given twice: as they are, and relative to the other patches of the same
image, since what is unusual differs from part to part. The neighbourhood is the largest details
within one patch on each side. Names of arrays end in their axes: h and w in patches, C numbers of
the backbone, D inputs.
"""

from __future__ import annotations

import cv2
import numpy as np

from mm.inspection.head.details import NUM_DETAILS, extract_details
from mm.media.types import RGB
from mm.numerics import Float32

MIN_DEVIATION = 1e-3


def count_inputs(num_channels: int) -> int:
    """Number of inputs for vectors of `num_channels` numbers."""
    return 2 * (num_channels + 2 * NUM_DETAILS)


def build_inputs(pixels_HWC: RGB, vectors_hwC: Float32) -> Float32:
    """Inputs (h, w, D) of the patches of a scaled image."""
    details_hwC = extract_details(pixels_HWC)
    largest_hwC = cv2.dilate(details_hwC, np.ones((3, 3), np.uint8), borderType=cv2.BORDER_REPLICATE)
    own_hwC = np.concatenate([vectors_hwC, details_hwC, largest_hwC], -1, dtype=np.float32)
    mean_C, deviation_C = own_hwC.mean((0, 1)), own_hwC.std((0, 1))
    relative_hwC = (own_hwC - mean_C) / (deviation_C + np.maximum(0.1 * np.abs(mean_C), MIN_DEVIATION))
    return np.concatenate([own_hwC, relative_hwC], -1)
