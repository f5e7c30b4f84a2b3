"""Good images as the network sees them, decoded at each access so that few are in memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from mm.errors import InvalidInput
from mm.inspection.settings import FitSettings
from mm.inspection.types import GoodImage
from mm.inspection.view import create_view
from mm.media.types import RGB

ReadImage = Callable[[Path], RGB]

MIN_CONTRAST = 2
"""Smallest range of the pixels of a good image: less is one colour."""


class GoodPixels:
    """The good images of a fit, in their order."""

    def __init__(self, images: Sequence[GoodImage], settings: FitSettings, read_image: ReadImage | None = None) -> None:
        """Read the first image if it is the reference; raises as `get_view_pixels` then."""
        self.images, self._settings, self._read_image = images, settings, read_image
        self.reference_HWC: RGB | None = None
        """The first image at the resolution of the inspector; None without registration."""
        if settings.has_registration and images:
            self.reference_HWC = self.get_view_pixels(0)

    def __len__(self) -> int:
        return len(self.images)

    def read(self, index: int) -> RGB:
        """The image, uint8 RGB (H, W, 3). Raises `InvalidInput` for a file without a reader."""
        return read_good_image(self.images[index], self._read_image)

    def get_view_pixels(self, index: int) -> RGB:
        """The scaled and aligned pixels of an image.

        Raises `InvalidInput`, which names the image, when it has a single colour or cannot be
        aligned.
        """
        image = self.images[index]
        name = image.image if isinstance(image.image, Path) else f"group {image.group}"
        label = f"Good image {index + 1} of {len(self)} ({name})"
        view = create_view(self.read(index), self._settings, self.reference_HWC)
        if int(view.pixels_HWC.max()) - int(view.pixels_HWC.min()) < MIN_CONTRAST:
            raise InvalidInput(f"{label} has a single colour.")
        if self.reference_HWC is not None and not view.is_aligned:
            raise InvalidInput(f"{label} could not be aligned with the first one. Remove it, or fit without registration.")
        return view.pixels_HWC


def read_good_image(good: GoodImage, read_image: ReadImage | None) -> RGB:
    """The pixels of a good image. Raises `InvalidInput` for a file without a reader."""
    if not isinstance(good.image, Path):
        return good.image
    if read_image is None:
        raise InvalidInput(f"{good.image.name} is a file, but no reader of images was passed.")
    return read_image(good.image)
