"""Brings an image to the resolution of an inspector and covers it with patches.

An image is never squashed: both sides are scaled by the same factor. What the network needs beyond
the edges is the reflected image: with zeros instead, patches near an edge differ from all others,
and so do their distances (on the transistors of MVTec the area under the ROC curve with eight good
images is 0.93 without a margin, 0.99 with one of 32 pixels). A large image is processed in tiles
that overlap by the margin. Names of arrays end in their axes: H height and W width in pixels, h and
w in patches, C channels.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import pairwise, product

import cv2
import numpy as np

from mm.errors import InvalidInput
from mm.inspection.features.backbone import MULTIPLE, STRIDE, Backbone
from mm.inspection.types import Mask
from mm.media.types import RGB
from mm.models.inputs import require_image
from mm.numerics import Float32

MARGIN = 32
"""Reflected pixels around an image, and context of a tile on each side."""
TILE = 1024
"""Largest side of a tile in pixels, without its margin."""
MIN_SIDE = 16
"""Smallest side of an image in pixels after scaling: two patches."""


@dataclass(frozen=True, slots=True)
class Framing:
    """How large an image is shown to the network."""

    longest: int | None = 256
    """Length in pixels to which the longer side is scaled; None uses `factor` for every image."""
    factor: float = 1.0
    """Scale of both sides where `longest` is None: 1 is the native resolution."""

    def __post_init__(self) -> None:
        if self.longest is not None and self.longest < 2 * MIN_SIDE:
            raise InvalidInput(f"The longest side is scaled to at least {2 * MIN_SIDE} pixels, not {self.longest}.")
        if not 0 < self.factor <= 8:
            raise InvalidInput(f"The scale of an inspector is above 0 and at most 8, not {self.factor:g}.")

    def compute_size(self, height: int, width: int) -> tuple[int, int]:
        """Height and width in pixels that an image has after scaling."""
        factor = self.factor if self.longest is None else self.longest / max(height, width)
        return max(round(height * factor), 1), max(round(width * factor), 1)

    def scale(self, image_HWC: RGB) -> RGB:
        """The image at the resolution of the inspector.

        Raises `InvalidInput` when it is not uint8 (H, W, 3), or has a side that is too short.
        """
        require_image(image_HWC)
        height, width = self.compute_size(*image_HWC.shape[:2])
        if min(height, width) < MIN_SIDE:
            shown = f"{image_HWC.shape[1]} x {image_HWC.shape[0]}"
            raise InvalidInput(
                f"An image of {shown} pixels is too narrow: {width} x {height} after scaling, at least {MIN_SIDE}."
            )
        if (height, width) == image_HWC.shape[:2]:
            return image_HWC
        # Means over areas when it becomes smaller: interpolation alone would skip pixels.
        method = cv2.INTER_AREA if height < image_HWC.shape[0] else cv2.INTER_CUBIC
        return np.asarray(cv2.resize(image_HWC, (width, height), interpolation=method), np.uint8)


def extract_tiles(
    backbone: Backbone, scaled_HWC: RGB, chosen: Collection[int] | None = None
) -> Iterator[tuple[slice, slice, Float32]]:
    """Rows, columns and vectors (h, w, C) of each tile of the patches of a scaled image.

    `chosen` are the numbers of the tiles that are computed, row by row from 0; None is all.
    """
    height, width = scaled_HWC.shape[:2]
    rows, columns = count_patches(height, width)
    bottom, right = _round_up(rows * STRIDE + 2 * MARGIN, height), _round_up(columns * STRIDE + 2 * MARGIN, width)
    padded_HWC = np.asarray(cv2.copyMakeBorder(scaled_HWC, MARGIN, bottom, MARGIN, right, cv2.BORDER_REFLECT_101), np.uint8)
    first = MARGIN // STRIDE
    for number, ((top, height_h), (left, width_w)) in enumerate(product(_split(rows), _split(columns))):
        if chosen is None or number in chosen:
            tile_HWC = _cut(padded_HWC, top, left, height_h, width_w)
            vectors_hwC = backbone.extract(tile_HWC[None])[0][first : first + height_h, first : first + width_w]
            yield slice(top, top + height_h), slice(left, left + width_w), vectors_hwC


def list_tile_sizes(height: int, width: int) -> list[int]:
    """Number of patches of each tile of a scaled image, in the order of `extract_tiles`."""
    rows, columns = count_patches(height, width)
    return [height_h * width_w for (_, height_h), (_, width_w) in product(_split(rows), _split(columns))]


def extract_patches(backbone: Backbone, scaled_HWC: RGB) -> Float32:
    """Vectors (h, w, C) of a scaled image. Patch (i, j) stands for the pixels from (8 i, 8 j) on.

    The last row and column may reach beyond the image.
    """
    patches_hwC: Float32 | None = None
    for rows, columns, vectors_hwC in extract_tiles(backbone, scaled_HWC):
        if patches_hwC is None:
            patches_hwC = np.empty((*count_patches(*scaled_HWC.shape[:2]), vectors_hwC.shape[-1]), np.float32)
        patches_hwC[rows, columns] = vectors_hwC
    assert patches_hwC is not None  # an image has at least one tile
    return patches_hwC


def count_patches(height: int, width: int) -> tuple[int, int]:
    """Rows and columns of patches of a scaled image."""
    return -(-height // STRIDE), -(-width // STRIDE)


def cover_patches(mask_HW: Mask, size: tuple[int, int]) -> Mask:
    """Which patches (h, w) of an image, scaled to `size` (height, width), are half in a mask."""
    return np.asarray(share_patches(mask_HW, size) >= 0.5, np.bool_)


def share_patches(mask_HW: Mask, size: tuple[int, int]) -> Float32:
    """Share of each patch (h, w) of an image, scaled to `size`, that is in a mask, 0 to 1."""
    scaled_HW = cv2.resize(mask_HW.astype(np.float32), size[::-1], interpolation=cv2.INTER_AREA)
    rows, columns = count_patches(*size)
    bottom, right = rows * STRIDE - size[0], columns * STRIDE - size[1]
    padded_HW = cv2.copyMakeBorder(scaled_HW, 0, bottom, 0, right, cv2.BORDER_REFLECT_101)
    share_hw: Float32 = padded_HW.reshape(rows, STRIDE, columns, STRIDE).mean((1, 3))
    return share_hw


def _split(count: int) -> Iterator[tuple[int, int]]:
    """First patch and number of patches of each tile along an axis of `count` patches."""
    tiles = -(-count * STRIDE // TILE)
    # Even edges, so that the coarser tap has the same phase in every tile.
    edges = np.append(np.linspace(0, count, tiles + 1)[:-1].round().astype(int) // 2 * 2, count)
    yield from ((int(start), int(end - start)) for start, end in pairwise(edges))


def _round_up(needed: int, length: int) -> int:
    """Pixels to add at the end, so that a padded side is a multiple of `MULTIPLE`."""
    return -(-needed // MULTIPLE) * MULTIPLE + MULTIPLE - MARGIN - length


def _cut(padded_HWC: RGB, top: int, left: int, height_h: int, width_w: int) -> RGB:
    """The pixels of a tile with its margin, with sides that are multiples of `MULTIPLE`."""
    height, width = (-(-(count * STRIDE + 2 * MARGIN) // MULTIPLE) * MULTIPLE for count in (height_h, width_w))
    return np.ascontiguousarray(padded_HWC[top * STRIDE : top * STRIDE + height, left * STRIDE : left * STRIDE + width])
