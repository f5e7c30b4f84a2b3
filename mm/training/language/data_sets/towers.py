"""The image towers whose features a training learns from, and those that it is measured with."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mm.files import hash_file
from mm.models.image.efficientnet_lite_torch import ImageEncoder, load_encoder
from mm.models.image.tower import read_size
from mm.training.align.folds import Folds, name_tower, read_folds


@dataclass(frozen=True, slots=True, eq=False)
class FeatureTower:
    """An image tower; `sha256` is of its file."""

    encoder: ImageEncoder
    size: int  # pixels; side of its input
    sha256: str


@dataclass(frozen=True, slots=True, eq=False)
class FoldTowers:
    """Towers that were each trained without one fold of the images (cross-fitting).

    With `is_seen`, a control, features of an image come from a tower that was trained on it: the
    towers are the same, and only what they saw differs.
    """

    towers: tuple[FeatureTower, ...]
    folds: Folds
    is_seen: bool = False

    def choose(self, files: list[Path]) -> npt.NDArray[np.int64]:
        """The tower (N,) of each image. Raises `InvalidInput` for an image without a fold."""
        folds_N = self.folds.get_folds(files)
        return (folds_N + 1) % len(self.towers) if self.is_seen else folds_N


@dataclass(frozen=True, slots=True, eq=False)
class Towers:
    """What features are computed with: `main` those of dev, and of train unless there are folds."""

    main: FeatureTower
    folds: FoldTowers | None = None
    others: Mapping[str, FeatureTower] = field(default_factory=dict)
    """By name; features of dev that are measured beside those of `main`."""

    @property
    def id(self) -> str:
        """Identifies the features that are learned from."""
        if self.folds is None:
            return self.main.sha256
        digests = "".join(tower.sha256 for tower in self.folds.towers)
        which = "seen" if self.folds.is_seen else "unseen"
        return f"{which} {hashlib.sha256(digests.encode()).hexdigest()}"


def read_tower(weights: Path) -> FeatureTower:
    """Read the weights of an image tower. Raises `Corrupt` for another file."""
    return FeatureTower(load_encoder(weights), read_size(weights), hash_file(weights))


def read_fold_towers(folder: Path, *, is_seen: bool) -> FoldTowers:
    """Read what `mm train align --folds` wrote.

    Raises `InvalidInput` for a folder without folds, `Corrupt` for a tower that cannot be read.
    """
    folds = read_folds(folder)
    return FoldTowers(tuple(read_tower(folder / name_tower(fold)) for fold in range(folds.num_folds)), folds, is_seen)
