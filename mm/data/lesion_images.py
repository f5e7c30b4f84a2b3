"""Reads data sets of ultrasound images with outlined lesions: `split.json`, images and masks.

`split.json` has `items` by file name, with `group` and `mask` or `masks`, and `protocols`, lists of
file names by split.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mm.data.captioned_images import read_image
from mm.errors import InvalidInput

NORMAL_CLASS = "normal"
"""Class of images without a lesion, whose mask files are empty."""


@dataclass(frozen=True, slots=True)
class LesionImage:
    """An image file and the files of the outlines of its lesions."""

    path: Path
    masks: tuple[Path, ...]
    """One file for each lesion; white is inside. Empty for an image without a lesion."""
    data_set: str
    group: str
    """Patient, or images that are nearly equal: never on both sides of a split."""


def read_lesion_images(folder: Path, split: str) -> list[LesionImage]:
    """The images of a split in the order of the file.

    Raises `InvalidInput` for a folder without a valid `split.json` or without images of the split.
    """
    path = folder / "split.json"
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        items, data_set = stored["items"], str(stored["name"])
        names = stored["protocols"][stored["default_protocol"]].get(split, [])
        images = [_parse(folder, data_set, str(name), items[name]) for name in names]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InvalidInput(f"{path} does not describe images with outlined lesions: {error!r}.") from error
    if not images:
        raise InvalidInput(f"{path} has no images of the split '{split}'.")
    return images


def load_lesion_image(image: LesionImage) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.bool_]]:
    """Grey pixels (H, W), and whether each lies in a lesion.

    Raises `InvalidInput` when a file cannot be read or a mask has another size.
    """
    # The mean of the three channels: scanners draw grey images, apart from coloured markers.
    grey_HW = np.rint(read_image(image.path).mean(2)).astype(np.uint8)
    mask_HW = np.zeros(grey_HW.shape, bool)
    for path in image.masks:
        outline_HW = read_image(path)[:, :, 0] > 127
        if outline_HW.shape != mask_HW.shape:
            raise InvalidInput(f"{path} has {outline_HW.shape} pixels, its image {mask_HW.shape}.")
        mask_HW |= outline_HW
    return grey_HW, mask_HW


def _parse(folder: Path, data_set: str, name: str, item: dict[str, object]) -> LesionImage:
    listed = item.get("masks", item.get("mask", []))
    masks = [listed] if isinstance(listed, str) else list(listed) if isinstance(listed, list) else []
    if item.get("class") == NORMAL_CLASS:
        masks = []
    return LesionImage(folder / name, tuple(folder / str(mask) for mask in masks), data_set, f"{data_set}/{item['group']}")
