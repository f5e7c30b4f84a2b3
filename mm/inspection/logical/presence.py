"""Compares a region with the same region of good images, by patches.

The score of a region is the mean distance of its patches from the nearest patches of good images,
divided by its median over held-out good images: a part that is absent changes most patches, a
scratch few. The place of a patch in its region is part of its vector: the ground that a missing
part leaves is known from beside it, but not at its place. Names of arrays end in their axes: H
height, W width, C channels, h and w in patches, F folds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from mm.errors import InvalidInput
from mm.inspection.bank.patch_bank import BankSearch, PatchBank, leave_out_each_fold
from mm.inspection.features.backbone import Backbone
from mm.inspection.features.framing import Framing, cover_patches, extract_patches
from mm.inspection.logical.regions import NamedRegion
from mm.inspection.types import Mask
from mm.media.types import RGB
from mm.numerics import Float32, Float64

STEP = 0.5
"""Distance of neighbouring places, as a multiple of the deviation of the vectors of a region."""
MAX_ASPECT = 4
"""Longest ratio of the sides of what the network receives of a region."""

Window = tuple[slice, slice]


@dataclass(frozen=True, slots=True, eq=False)
class RegionPatches:
    """Patches of a region of one image."""

    vectors_NC: Float32
    places_N2: Float32
    """Row and column of each, in patches."""

    def join(self, step: float) -> Float32:
        """Vectors (N, C + 2) with the places, whose unit is a distance of `step`."""
        return np.concatenate([self.vectors_NC, self.places_N2 * np.float32(step)], axis=1)


@dataclass(frozen=True, eq=False)
class RegionBank:
    """Vectors of one region of good images."""

    bank: PatchBank
    """Vectors of patches with their places."""
    step: float
    """Distance of two equal patches beside each other."""
    scale: float
    """Median of the mean distances of held-out good images; 1 without any."""

    @cached_property
    def _search(self) -> BankSearch:
        return BankSearch(self.bank)

    def score(self, patches: RegionPatches) -> Float64:
        """The score (F,) of a region from its patches, with each fold of good images left out."""
        distances_NF = leave_out_each_fold(self._search.search(patches.join(self.step)))
        return np.asarray(distances_NF.mean(0, dtype=np.float64) / self.scale)


def choose_step(patches: Sequence[RegionPatches]) -> float:
    """The distance of neighbouring places from the spread of the vectors of good images."""
    vectors_NC = np.concatenate([each.vectors_NC for each in patches]).astype(np.float64)
    return STEP * float(np.sqrt(vectors_NC.var(0).sum()))


def find_window(region: NamedRegion, size: tuple[int, int]) -> Window:
    """Rows and columns of an image of `size` that the network receives for a region.

    The bounding box, widened where it is narrower than a quarter of its length.
    """
    corners = np.array(region.polygon)
    low, high = np.floor(corners.min(0)).astype(int), np.ceil(corners.max(0)).astype(int) + 1
    lengths = high - low
    missing = np.maximum(-(-int(lengths.max()) // MAX_ASPECT) - lengths, 0)
    low, high = low - missing // 2, high + missing - missing // 2
    left, top = np.maximum(low, 0)
    right, bottom = np.minimum(high, size[::-1])
    return slice(int(top), int(bottom)), slice(int(left), int(right))


def extract_region(image_HWC: RGB, region: NamedRegion, backbone: Backbone, longest: int) -> RegionPatches:
    """The patches of a region of an aligned image.

    Raises `InvalidInput` when the region covers no patch.
    """
    size = image_HWC.shape[0], image_HWC.shape[1]
    window = find_window(region, size)
    scaled_HWC = Framing(longest=longest).scale(np.ascontiguousarray(image_HWC[window]))
    inside_hw: Mask = cover_patches(region.draw(size)[window], (scaled_HWC.shape[0], scaled_HWC.shape[1]))
    if not inside_hw.any():
        raise InvalidInput(f"The region {region.name} is too narrow: it covers no patch of the network.")
    return RegionPatches(extract_patches(backbone, scaled_HWC)[inside_hw], np.argwhere(inside_hw).astype(np.float32))
