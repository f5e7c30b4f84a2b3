"""Reads folders of captioned images: `captions.jsonl` (image, captions, split) and `images/`."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from mm.errors import InvalidInput
from mm.files import read_json_lines
from mm.media.types import RGB
from mm.models.image.preprocess import resize_image


@dataclass(frozen=True, slots=True)
class CaptionedImage:
    """An image file and its captions."""

    path: Path
    captions: tuple[str, ...]


def read_captioned_images(folder: Path, split: str) -> list[CaptionedImage]:
    """Return the images of one split in the file's order.

    Raises `InvalidInput`, which names file and line, for a row that is not valid or has no
    captions, and when the split is empty.
    """
    path = folder / "captions.jsonl"
    if not path.is_file():
        raise InvalidInput(f"{folder} has no captions.jsonl.")
    rows = [_parse(folder, row, f"{path}, line {number}") for number, row in enumerate(read_json_lines(path), 1)]
    images = [image for image_split, image in rows if image_split == split]
    if not images:
        raise InvalidInput(f"{path} has no image of the split '{split}'.")
    return images


def load_captioned_images(rows: Sequence[CaptionedImage], side: int) -> RGB:
    """Load the image files of rows as `load_images` does."""
    return load_images([row.path for row in rows], side)


def load_images(files: Sequence[Path], side: int) -> RGB:
    """Load whole images, resized to (N, side, side, 3) without keeping their aspect ratios.

    All are held in memory. Raises `InvalidInput` as `read_image`.
    """
    with ThreadPoolExecutor() as pool:
        return np.stack(list(pool.map(lambda path: resize_image(read_image(path), side), files)))


def read_image(path: Path) -> RGB:
    """Decode an image file to RGB. Raises `InvalidInput` when it cannot be decoded."""
    try:
        with Image.open(path) as image:
            return np.asarray(image.convert("RGB"))
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read as an image: {error}.") from error


def _parse(folder: Path, row: dict[str, Any], where: str) -> tuple[str, CaptionedImage]:
    try:
        captions = tuple(str(caption) for caption in row["captions"])
        split, path = str(row["split"]), folder / "images" / str(row["image"])
    except (KeyError, TypeError) as error:
        raise InvalidInput(f"{where}: expected image, captions and split: {error!r}.") from error
    if not captions:
        raise InvalidInput(f"{where}: the image has no captions.")
    return split, CaptionedImage(path, captions)
