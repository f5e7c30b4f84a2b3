"""Patches of two resolutions: as they are, and enlarged after a division by the local contrast.

A crack of two pixels hardly changes a vector that stands for 24 pixels, and where one side of a
part is lit brighter than the other, the gradient of the light is most of its contrast. The second
half of each vector is therefore that of the image enlarged twice, in which every place has the same
mean and contrast. Names of arrays end in their axes: N images, H height, W width, C channels.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import cv2
import numpy as np

from mm.inspection.features.backbone import STRIDE, Backbone
from mm.media.types import RGB
from mm.numerics import Float32

SIGMA = 20.0
"""Standard deviation in pixels of the window of the local mean and contrast."""
BRIGHTNESS, CONTRAST = 128.0, 32.0
"""Grey value of the local mean, and grey values of the local standard deviation."""
MIN_CONTRAST = 1.0
"""Grey values that are added to the local contrast, so that noise of a plain area stays small."""
SIDE, MARGIN = 512, 32
"""Pixels of the enlarged image that the network receives at once, and context on each side: with
more its memory would be several times that of the image as it is."""


class FineBackbone:
    """A `Backbone` around another; vectors are twice as long, and it takes five times as long."""

    def __init__(self, backbone: Backbone) -> None:
        self._backbone = backbone

    @property
    def name(self) -> str:
        return self._backbone.name

    @property
    def digest(self) -> str:
        return self._backbone.digest

    def extract(self, pixels_NHWC: RGB) -> Float32:
        coarse_NhwC = self._backbone.extract(pixels_NHWC)
        fine_NhwC = np.stack([self._extract_fine(pixels_HWC) for pixels_HWC in pixels_NHWC])
        return np.concatenate([coarse_NhwC, fine_NhwC], -1)

    def _extract_fine(self, pixels_HWC: RGB) -> Float32:
        """Vectors (H / 8, W / 8, C): means over 2 x 2 patches of the enlarged image."""
        fine_hwC: Float32 | None = None
        for rows, columns, quads_h2w2C in extract_quads(self._backbone, pixels_HWC):
            if fine_hwC is None:
                size = (pixels_HWC.shape[0] // STRIDE, pixels_HWC.shape[1] // STRIDE)
                fine_hwC = np.empty((*size, quads_h2w2C.shape[-1]), np.float32)
            fine_hwC[rows, columns] = quads_h2w2C.mean((1, 3))
        assert fine_hwC is not None  # an image has at least one tile
        return fine_hwC


def extract_quads(backbone: Backbone, pixels_HWC: RGB) -> Iterator[tuple[slice, slice, Float32]]:
    """Rows, columns and vectors (h, 2, w, 2, C) of each tile of the enlarged flat image.

    A patch of the image is four of the enlarged one. The sides of the pixels are multiples of
    `STRIDE`.
    """
    large_HW = cv2.resize(flatten_contrast(pixels_HWC), None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
    height, width = large_HW.shape
    padded_HW = cv2.copyMakeBorder(large_HW, MARGIN, MARGIN, MARGIN, MARGIN, cv2.BORDER_REFLECT_101)
    first = MARGIN // STRIDE
    for top, left in product(range(0, height, SIDE), range(0, width, SIDE)):
        tile_HW = padded_HW[top : top + SIDE + 2 * MARGIN, left : left + SIDE + 2 * MARGIN]
        vectors_hwC = backbone.extract(np.repeat(tile_HW[None, ..., None], 3, -1))[0][first:-first, first:-first]
        rows, columns = vectors_hwC.shape[0] // 2, vectors_hwC.shape[1] // 2
        top_h, left_w = top // STRIDE // 2, left // STRIDE // 2
        quads_h2w2C = vectors_hwC.reshape(rows, 2, columns, 2, vectors_hwC.shape[-1])
        yield slice(top_h, top_h + rows), slice(left_w, left_w + columns), quads_h2w2C


def flatten_contrast(pixels_HWC: RGB) -> RGB:
    """The grey image (H, W), with one mean and one contrast everywhere."""
    grey_HW = pixels_HWC.mean(2, dtype=np.float32)
    mean_HW = _blur(grey_HW)
    contrast_HW = np.sqrt(_blur(np.square(grey_HW - mean_HW))) + MIN_CONTRAST
    flat_HW: RGB = np.clip(np.rint((grey_HW - mean_HW) / contrast_HW * CONTRAST + BRIGHTNESS), 0, 255).astype(np.uint8)
    return flat_HW


def _blur(values_HW: Float32) -> Float32:
    return np.asarray(cv2.GaussianBlur(values_HW, (0, 0), SIGMA, borderType=cv2.BORDER_REFLECT_101), np.float32)
