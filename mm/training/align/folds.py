"""Folds of captioned images, so that features of an image can come from a tower that never saw it.

Names of arrays end in their axes: N images, P pixels of a thumbnail.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mm.data.captioned_images import load_images
from mm.errors import Corrupt, InvalidInput
from mm.files import write_atomic

FOLDS = "folds.json"
"""The fold of each image of train by the stem of its file, in the folder of the towers."""
MAX_NUMBER_GAP = 10_000
"""Numbers of photos on Flickr that are closer belong together. Numbers follow the time of upload,
and neighbours so close are mostly of one photographer."""
MIN_CORRELATION = 0.9
"""Thumbnails with a higher correlation are near-duplicates."""
_THUMBNAIL = 16
_FLICKR_NAME = re.compile(r"(\d+)_[0-9a-f]{8,10}")
"""The stem of a file of Flickr: the number of the photo and a key. Other numbers say nothing."""


@dataclass(frozen=True, slots=True)
class Folds:
    """The fold of each image by the stem of its file, from 0, that a tower did not see."""

    num_folds: int
    fold_of: dict[str, int]

    def __post_init__(self) -> None:
        """Raises `InvalidInput` for fewer than two folds."""
        if self.num_folds < 2:
            raise InvalidInput(f"Cross-fitting needs at least 2 folds, not {self.num_folds}.")

    def get_folds(self, files: Sequence[Path]) -> npt.NDArray[np.int64]:
        """The fold (N,) of each file. Raises `InvalidInput` for an image that has none."""
        unknown = next((path.name for path in files if path.stem not in self.fold_of), None)
        if unknown is not None:
            raise InvalidInput(f"The folds do not contain the image {unknown}: they were made of other images.")
        return np.array([self.fold_of[path.stem] for path in files], np.int64)


def assign_folds(files: Sequence[Path], num_folds: int) -> Folds:
    """Deal images out over folds. Near-duplicates, and photos with close numbers, stay together.

    Groups come in the order of their hashes, each into the fold that has the fewest images. Raises
    `InvalidInput` for fewer groups than folds, and for a file that cannot be read.
    """
    groups: dict[int, list[str]] = {}
    for path, group in zip(files, _group(files, _make_thumbnails(files)), strict=True):
        groups.setdefault(group, []).append(path.stem)
    if len(groups) < num_folds:
        raise InvalidInput(f"{len(groups)} groups of images cannot be dealt out over {num_folds} folds.")
    fold_of: dict[str, int] = {}
    sizes = [0] * num_folds
    for names in sorted(groups.values(), key=lambda names: hashlib.sha256(min(names).encode()).hexdigest()):
        fold = sizes.index(min(sizes))
        sizes[fold] += len(names)
        fold_of |= dict.fromkeys(names, fold)
    return Folds(num_folds, fold_of)


def write_folds(folder: Path, folds: Folds) -> None:
    """Write the folds beside their towers."""
    content = {"num_folds": folds.num_folds, "fold_of": dict(sorted(folds.fold_of.items()))}
    write_atomic(folder / FOLDS, json.dumps(content, indent=0).encode())


def read_folds(folder: Path) -> Folds:
    """Read what `write_folds` wrote.

    Raises `InvalidInput` when the folder has no folds, `Corrupt` for a file that is none.
    """
    path = folder / FOLDS
    if not path.is_file():
        raise InvalidInput(f"{folder} has no {FOLDS}: `mm train align --folds` writes it.")
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        return Folds(int(stored["num_folds"]), {str(name): int(fold) for name, fold in stored["fold_of"].items()})
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Corrupt(f"{path} does not hold the folds of images: {error!r}.") from error


def name_tower(fold: int) -> str:
    """The file name of the tower that was trained without a fold."""
    return f"fold-{fold}.safetensors"


def _make_thumbnails(files: Sequence[Path]) -> npt.NDArray[np.float32]:
    """Thumbnails (N, P) without their mean, of length 1: their products are correlations."""
    thumbnails_NP = load_images(files, _THUMBNAIL).reshape(len(files), -1).astype(np.float32)
    thumbnails_NP -= thumbnails_NP.mean(1, keepdims=True)
    lengths_N1 = np.linalg.norm(thumbnails_NP, axis=1, keepdims=True)
    unit_NP: npt.NDArray[np.float32] = thumbnails_NP / np.maximum(lengths_N1, np.finfo(np.float32).tiny)
    return unit_NP


def _group(files: Sequence[Path], thumbnails_NP: npt.NDArray[np.float32]) -> list[int]:
    """The first member of the group of each image."""
    first = list(range(len(files)))

    def find(index: int) -> int:
        while first[index] != index:
            index = first[index]
        return index

    def join(one: int, other: int) -> None:
        low, high = sorted((find(one), find(other)))
        first[high] = low

    numbers = sorted((int(match[1]), index) for index, path in enumerate(files) if (match := _FLICKR_NAME.fullmatch(path.stem)))
    for (number, index), (following, other) in itertools.pairwise(numbers):
        if following - number <= MAX_NUMBER_GAP:
            join(index, other)
    for index in range(len(files)):
        for offset in np.flatnonzero(thumbnails_NP[index + 1 :] @ thumbnails_NP[index] >= MIN_CORRELATION):
            join(index, index + 1 + int(offset))
    return [find(index) for index in range(len(files))]
