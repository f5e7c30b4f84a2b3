"""Parts of the images whose groups are kept together."""

from __future__ import annotations

import hashlib

from mm.training.lesions.pack import LesionPack


def assign_folds(pack: LesionPack, num_folds: int) -> list[int]:
    """The fold of each image: by data set, its groups in the order of their hashes, in turn."""
    folds: dict[str, int] = {}
    for data_set in sorted({row.data_set for row in pack.rows}):
        groups = {row.group for row in pack.rows if row.data_set == data_set}
        ordered = sorted(groups, key=lambda group: hashlib.sha256(group.encode()).hexdigest())
        folds |= {group: number % num_folds for number, group in enumerate(ordered)}
    return [folds[row.group] for row in pack.rows]


def split_fold(pack: LesionPack, num_folds: int, fold: int | None) -> tuple[LesionPack, LesionPack]:
    """Images to train on, and those that are left out: the fold, or none."""
    folds = assign_folds(pack, num_folds)
    kept = [index for index, number in enumerate(folds) if number != fold]
    return pack.take(kept), pack.take([index for index, number in enumerate(folds) if number == fold])
