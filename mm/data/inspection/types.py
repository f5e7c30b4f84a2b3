"""Images with marks of what is wrong in them, and the choice of good ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from PIL import Image

from mm.data.captioned_images import read_image
from mm.errors import InvalidInput
from mm.media.types import RGB

Mask = npt.NDArray[np.bool_]
"""Marked pixels, shape (H, W)."""

MARKED = 128
"""Grey value from which a pixel of a mask file is marked; some are JPEGs with values between."""


MarkedT = TypeVar("MarkedT", bound="MarkedImage")


@dataclass(frozen=True, slots=True)
class MarkedImage:
    """An image file, what it shows, and mask files that mark it."""

    path: Path
    group: str
    """Images of one group show one part, patient or scene; they are not independent."""
    kind: str
    """Name of the defect or finding; `good` where there is none."""
    masks: tuple[Path, ...] = ()
    """Files of the size of the image, one for each marked object or one for all; may be empty."""

    @property
    def is_good(self) -> bool:
        return self.kind == "good"

    def read(self) -> RGB:
        """Decode the image, (H, W, 3). Raises `InvalidInput`."""
        return read_image(self.path)

    def read_masks(self) -> list[Mask]:
        """Decode each mask file that marks any pixel.

        Raises `InvalidInput` for an unreadable file and for masks of several sizes.
        """
        masks = [read_mask(path) for path in self.masks]
        if len({mask.shape for mask in masks}) > 1:
            raise InvalidInput(f"The masks of {self.path} have several sizes.")
        return [mask for mask in masks if mask.any()]

    def read_mask(self, shape: tuple[int, int]) -> Mask | None:
        """All marked pixels of the image of this (height, width); None if a defect has no mark.

        Of a good image the mask is empty. Raises `InvalidInput` for a mask of another size.
        """
        masks = self.read_masks()
        if not masks:
            return np.zeros(shape, bool) if self.is_good else None
        if masks[0].shape != shape:
            raise InvalidInput(f"A mask of {self.path} is {masks[0].shape}, the image {shape}; both must be of one size.")
        union: Mask = np.logical_or.reduce(masks)
        return union


def read_mask(path: Path) -> Mask:
    """Decode a mask file to (H, W). Raises `InvalidInput` when it cannot be decoded."""
    return np.asarray(_read_grey(path) >= MARKED)


def read_item_mask(path: Path) -> Mask:
    """Decode a mask file of any set to (H, W): pixels of at least `MARKED` are marked.

    Where no pixel is that bright, those that are not 0 are: some sets number their kinds of defects
    from 1. Raises `InvalidInput` when it cannot be decoded.
    """
    grey_HW = _read_grey(path)
    return np.asarray(grey_HW >= MARKED if grey_HW.max(initial=0) >= MARKED else grey_HW > 0)


def _read_grey(path: Path) -> npt.NDArray[np.uint8]:
    try:
        with Image.open(path) as image:
            return np.asarray(image.convert("L"))
    except (OSError, Image.DecompressionBombError) as error:
        raise InvalidInput(f"{path} cannot be read as a mask: {error}.") from error


def choose_good_images(images: Sequence[MarkedImage], count: int, seed: int) -> list[MarkedImage]:
    """Choose good images as `choose_images` does. Raises `InvalidInput` when there are fewer."""
    good = [image for image in images if image.is_good]
    if not 0 < count <= len(good):
        raise InvalidInput(f"{count} good images were requested, of {len(good)}.")
    return choose_images(good, count, seed)


def choose_images(images: Sequence[MarkedT], count: int, seed: int) -> list[MarkedT]:
    """Choose images at random, from as many groups as possible.

    Every group gives one image before any gives a second: eight images are eight parts, not six
    exposures of one and two of another. Raises `InvalidInput` when there are fewer images.
    """
    if not 0 < count <= len(images):
        raise InvalidInput(f"{count} images were requested, of {len(images)}.")
    order = [images[index] for index in np.random.default_rng(seed).permutation(len(images))]
    num_chosen: dict[str, int] = {}
    ranks = []
    for position, image in enumerate(order):
        num_chosen[image.group] = num_chosen.get(image.group, 0) + 1
        ranks.append((num_chosen[image.group], position))
    return [order[position] for _, position in sorted(ranks)[:count]]
