"""Reads folders of captioned pictures: `captions.jsonl` (image, captions, split) beside
`images/`."""

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
from mm.models.image.preprocess import fit


@dataclass(frozen=True, slots=True)
class Captioned:
    """A picture and what people said of it."""

    picture: Path
    captions: tuple[str, ...]


def read_captioned(folder: Path, split: str) -> list[Captioned]:
    """Rows of one split, in the file's order. A split that is not there is an error, and so is a
    row without captions.

    Raises `InvalidInput`, which names the file and the line.
    """
    path = folder / "captions.jsonl"
    if not path.is_file():
        raise InvalidInput(f"{folder} has no captions.jsonl.")
    rows = [_parsed(folder, row, f"{path}, line {number}") for number, row in enumerate(read_json_lines(path), 1)]
    found = [row for row_split, row in rows if row_split == split]
    if not found:
        raise InvalidInput(f"{path} has no picture of the split '{split}'.")
    return found


def _parsed(folder: Path, row: dict[str, Any], where: str) -> tuple[str, Captioned]:
    try:
        captions = tuple(str(caption) for caption in row["captions"])
        if not captions:
            raise InvalidInput(f"{where}: a picture without captions.")
        return str(row["split"]), Captioned(folder / "images" / str(row["image"]), captions)
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidInput(f"{where}: expected image, captions and split: {error!r}.") from error


def load_pictures(rows: list[Captioned], side: int) -> RGB:
    """As `load_files`, the pictures of rows."""
    return load_files([row.picture for row in rows], side)


def load_files(files: Sequence[Path], side: int) -> RGB:
    """All pictures, whole and squeezed to (N, side, side, 3): small sets fit in memory, and each is
    decoded once.

    Raises `InvalidInput` for a file that is no picture.
    """
    with ThreadPoolExecutor() as pool:
        return np.stack(list(pool.map(lambda path: _load(path, side), files)))


def _load(path: Path, side: int) -> RGB:
    try:
        with Image.open(path) as image:
            return fit(np.asarray(image.convert("RGB")), side)
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read as a picture: {error}.") from error
