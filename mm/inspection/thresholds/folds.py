"""Divides good images into folds without separating a group."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

MAX_FOLDS = 10
"""Folds of at most this number; with fewer groups each group is a fold."""


def assign_folds(groups: Sequence[str], seed: int = 0, max_folds: int = MAX_FOLDS) -> npt.NDArray[np.int64]:
    """The fold of each image, from 0 on.

    The groups, in random order and then by size, go to the fold with the fewest images. The result
    depends on the names of the groups and the seed only, not on the order of the images.
    """
    names, counts = np.unique(np.array(groups, dtype=object).astype(str), return_counts=True)
    order = np.random.default_rng(seed).permutation(len(names))
    order = order[np.argsort(-counts[order], kind="stable")]
    sizes = np.zeros(min(len(names), max_folds), np.int64)
    fold_of: dict[str, int] = {}
    for index in order:
        fold = int(sizes.argmin())
        fold_of[str(names[index])] = fold
        sizes[fold] += counts[index]
    return np.array([fold_of[str(group)] for group in groups], np.int64)
