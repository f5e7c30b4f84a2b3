"""Names the kind of each region from what a segmentation head was taught.

Names of arrays end in their axes: H height and W width in pixels, h and w in patches, N patches, D
inputs, Q kinds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np

from mm.inspection.head.head import SegmentationHead
from mm.inspection.head.network import Inputs
from mm.inspection.types import Region
from mm.inspection.view import View
from mm.numerics import Float32

MIN_PROBABILITY = 0.5
"""Mean probability of a region that it shows a marked defect, from which its kind is named."""


def name_kinds(regions: Sequence[Region], view: View, inputs_hwD: Inputs, head: SegmentationHead) -> tuple[Region, ...]:
    """The regions with the kind of most of their pixels, or None where no mark is like it."""
    if not regions or head.kinds is None:
        return tuple(regions)
    height, width, num_inputs = inputs_hwD.shape
    shares_hwQ = head.predict_kinds(inputs_hwD.reshape(-1, num_inputs)).reshape(height, width, -1)
    maps = [view.build_heat_map(np.ascontiguousarray(shares_hwQ[..., kind])) for kind in range(shares_hwQ.shape[-1])]
    return tuple(replace(region, kind=_choose(region, maps, head.kinds.names)) for region in regions)


def _choose(region: Region, maps: Sequence[Float32], names: tuple[str, ...]) -> str | None:
    left, top = np.floor(region.polygon_P2.min(0)).astype(int).tolist()
    right, bottom = np.ceil(region.polygon_P2.max(0)).astype(int).tolist()
    window = np.zeros((bottom - top + 1, right - left + 1), np.uint8)
    cv2.fillPoly(window, [np.rint(region.polygon_P2 - (left, top)).astype(np.int32)], 1)
    inside = window.astype(np.bool_)
    means = np.array([float(each[top : bottom + 1, left : right + 1][inside].mean()) for each in maps])
    return names[int(means.argmax())] if means.sum() >= MIN_PROBABILITY else None
