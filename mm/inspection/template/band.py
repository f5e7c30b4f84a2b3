"""The tolerance band: between which values each pixel of a good image lies.

The smallest and the largest value of each pixel over the good images, and over the places around it
that are within the tolerance. With one good image it is the erosion and the dilation of its grey
values. Names of arrays end in their axes: H height, W width, C channels.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from mm.media.types import RGB
from mm.numerics import Float32


class BandBuilder:
    """Collects good images; memory does not depend on their number.

    For each pixel it holds the smallest value, its group, and the smallest value of the other
    groups; the same of the largest. These give the band without any one group.
    """

    def __init__(self, image_HWC: RGB, group: int) -> None:
        """Begin with a good image."""
        self._low, self._high = _Extreme(image_HWC, group), _Extreme(255 - image_HWC, group)

    def add(self, image_HWC: RGB, group: int) -> None:
        """Add a good image, aligned, of the size of the first one."""
        self._low.add(image_HWC, group)
        self._high.add(255 - image_HWC, group)

    def get_limits(self) -> tuple[RGB, RGB]:
        """Smallest and largest value of each pixel over all images."""
        return self._low.get(), 255 - self._high.get()

    def leave_out(self, group: int) -> tuple[RGB, RGB]:
        """As `get_limits` over the images of the other groups, of which there is at least one."""
        return self._low.leave_out(group), 255 - self._high.leave_out(group)


class _Extreme:
    """The smallest value of each pixel, and the smallest one of another group."""

    def __init__(self, image_HWC: RGB, group: int) -> None:
        self._first_HWC, self._group_HWC = image_HWC.copy(), np.full(image_HWC.shape, group, np.int32)
        self._other_HWC = np.full_like(image_HWC, 255)

    def add(self, image_HWC: RGB, group: int) -> None:
        is_other_HWC = self._group_HWC != group
        is_first_HWC = image_HWC < self._first_HWC
        candidate_HWC = np.where(is_first_HWC, self._first_HWC, image_HWC)
        self._other_HWC = np.where(is_other_HWC, np.minimum(self._other_HWC, candidate_HWC), self._other_HWC)
        self._first_HWC = np.minimum(self._first_HWC, image_HWC)
        self._group_HWC[is_first_HWC] = group

    def get(self) -> RGB:
        return self._first_HWC

    def leave_out(self, group: int) -> RGB:
        return np.asarray(np.where(self._group_HWC == group, self._other_HWC, self._first_HWC), np.uint8)


def leave_out_reference(images: Sequence[RGB], groups: Sequence[int], group: int) -> tuple[RGB, RGB]:
    """Reference implementation of `BandBuilder.leave_out`: images of other groups."""
    others = np.stack([image for image, other in zip(images, groups, strict=True) if other != group])
    return others.min(0), others.max(0)


def widen(low_HWC: RGB, high_HWC: RGB, radius_px: float) -> tuple[RGB, RGB]:
    """The band with every edge moved outwards by a radius."""
    disc = make_disc(radius_px)
    # OpenCV drops an axis of one channel.
    narrow_HWC, wide_HWC = cv2.erode(low_HWC, disc).reshape(low_HWC.shape), cv2.dilate(high_HWC, disc).reshape(low_HWC.shape)
    return np.asarray(narrow_HWC, np.uint8), np.asarray(wide_HWC, np.uint8)


def make_disc(radius_px: float) -> RGB:
    """Mask (K, K) of the pixels whose centres are within a radius of the middle one."""
    reach = int(radius_px)
    rows, columns = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    return np.asarray(rows * rows + columns * columns <= radius_px * radius_px + 1e-9, np.uint8)


def measure_excess(image_HWC: RGB, low_HWC: RGB, high_HWC: RGB) -> Float32:
    """Grey values (H, W) by which an image leaves a band: negative below, positive above.

    Of the channel that leaves it farthest.
    """
    shapes = {image_HWC.shape, low_HWC.shape, high_HWC.shape}
    assert len(shapes) == 1, shapes  # another shape would be broadcast
    # OpenCV's subtraction stops at 0.
    below_HW, above_HW = (
        np.asarray(cv2.subtract(*pair)).reshape(image_HWC.shape).max(2).astype(np.float32)
        for pair in ((low_HWC, image_HWC), (image_HWC, high_HWC))
    )
    return np.asarray(np.where(below_HW > above_HW, -below_HW, above_HW), np.float32)
