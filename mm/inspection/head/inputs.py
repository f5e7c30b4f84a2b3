"""What the head receives of each patch, beside the vector of the backbone.

Vector and details are given twice: as they are, and relative to the other patches of the same
image, since what is unusual differs from part to part. The neighbourhood is the largest details
within one patch on each side. Then follow the vectors of the image enlarged twice and with one
contrast everywhere, as mean and as largest numbers of the four that a patch has, since a crack of
two pixels is seen in one of them, and how near the patch is to the edges, where parts break. Names
of arrays end in their axes: h and w in patches, C numbers of the backbone, D inputs.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from mm.inspection.features.backbone import STRIDE, Backbone
from mm.inspection.features.fine import extract_quads
from mm.inspection.head.details import NUM_DETAILS, extract_details
from mm.media.types import RGB
from mm.numerics import Float32

Float16 = npt.NDArray[np.float16]

MIN_DEVIATION = 1e-3
EDGE_REACHES = (2.0, 8.0)
"""Patches from an edge over which the nearness falls by the factor e."""
NUM_EDGES = 2 * len(EDGE_REACHES)


def count_inputs(num_channels: int, fine_channels: int = 0) -> int:
    """Number of inputs for vectors of so many numbers, and of the enlarged image; 0 without it."""
    return 2 * (num_channels + 2 * NUM_DETAILS) + (2 * fine_channels + NUM_EDGES if fine_channels else 0)


def build_inputs(pixels_HWC: RGB, vectors_hwC: Float32, backbone: Backbone | None) -> Float16:
    """Inputs (h, w, D) of the patches of a scaled image.

    `backbone` describes the enlarged image. None leaves out these and the edges, which are the last
    inputs: heads of earlier versions were trained without.
    """
    details_hwC = extract_details(pixels_HWC)
    largest_hwC = cv2.dilate(details_hwC, np.ones((3, 3), np.uint8), borderType=cv2.BORDER_REPLICATE)
    own_hwC = np.concatenate([vectors_hwC, details_hwC, largest_hwC], -1, dtype=np.float32)
    mean_C, deviation_C = own_hwC.mean((0, 1)), own_hwC.std((0, 1))
    scale_C = deviation_C + np.maximum(0.1 * np.abs(mean_C), MIN_DEVIATION)
    height, width, num_own = own_hwC.shape
    fine_hwD = np.empty((height, width, 0), np.float16)
    if backbone is not None:
        fine_hwD = _describe_fine(pixels_HWC, (height, width), backbone)
    inputs_hwD = np.empty((height, width, 2 * num_own + fine_hwD.shape[-1]), np.float16)
    for row, own_wC in enumerate(own_hwC):  # row by row, since the image may be large
        inputs_hwD[row] = np.concatenate([own_wC, (own_wC - mean_C) / scale_C, fine_hwD[row]], -1)
    return inputs_hwD


def _describe_fine(pixels_HWC: RGB, size: tuple[int, int], backbone: Backbone) -> Float16:
    """Mean and largest vectors of the enlarged image, and edges; `size` is (h, w)."""
    bottom, right = size[0] * STRIDE - pixels_HWC.shape[0], size[1] * STRIDE - pixels_HWC.shape[1]
    padded_HWC = np.asarray(cv2.copyMakeBorder(pixels_HWC, 0, bottom, 0, right, cv2.BORDER_REFLECT_101), np.uint8)
    edges_hwD = _describe_edges(*size)
    fine_hwD: Float16 | None = None
    for rows, columns, quads_h2w2C in extract_quads(backbone, padded_HWC):
        if fine_hwD is None:
            fine_hwD = np.empty((*size, 2 * quads_h2w2C.shape[-1] + NUM_EDGES), np.float16)
        tile = [quads_h2w2C.mean((1, 3)), quads_h2w2C.max((1, 3)), edges_hwD[rows, columns]]
        fine_hwD[rows, columns] = np.concatenate(tile, -1)
    assert fine_hwD is not None  # an image has at least one tile
    return fine_hwD


def _describe_edges(rows: int, columns: int) -> Float32:
    """Nearness (h, w, `NUM_EDGES`) of each patch to the edges of the image, 0 to 1."""
    from_edge = [np.minimum(np.arange(count), np.arange(count)[::-1]) for count in (rows, columns)]
    distances = np.meshgrid(*from_edge, indexing="ij")
    return np.stack([np.exp(-each / reach) for reach in EDGE_REACHES for each in distances], -1).astype(np.float32)
