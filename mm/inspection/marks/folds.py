"""The folds of marked groups, beside those of the good images of the fit."""

from __future__ import annotations

from collections.abc import Sequence

from mm.errors import InvalidInput
from mm.inspection.inspector import FittedInspector
from mm.inspection.marks.parts import MarkedPart
from mm.inspection.types import GoodImage

MAX_ACCEPTED_FOLDS = 10
"""Folds of accepted parts; further groups share them."""


def count_good_folds(inspector: FittedInspector) -> int:
    """Folds of the good images of the fit; those of accepted parts follow them."""
    return max(inspector.group_folds.values()) + 1


def check_good_images(inspector: FittedInspector, good: Sequence[GoodImage]) -> None:
    """Raise `InvalidInput` unless the images have the groups of the fit, two at least."""
    if count_good_folds(inspector) == 1:
        raise InvalidInput(
            f"The inspector {inspector.name} has one group of good images, so that nothing can be held out. Fit it again, with "
            "accepted parts as good images."
        )
    missing = sorted(set(inspector.group_folds) - {image.group for image in good})
    further = sorted({image.group for image in good} - set(inspector.group_folds))
    if missing:
        raise InvalidInput(f"The good images of the fit are needed again, and those of the group {missing[0]!r} are missing.")
    if further:
        raise InvalidInput(f"The group {further[0]!r} is not one of the good images of the fit.")
    if len(good) != len(inspector.calibration.score_N):
        raise InvalidInput(f"The inspector was fitted on {len(inspector.calibration.score_N)} good images, not on {len(good)}.")


def assign_marked(inspector: FittedInspector, parts: Sequence[MarkedPart]) -> dict[str, int]:
    """The fold of each marked group: that of the fit or of earlier teaching, where it has one.

    Other groups of rejected parts are divided among the folds of good images; those of accepted
    parts get folds after them.
    """
    num_good = count_good_folds(inspector)
    accepted = {part.group for part in parts if part.is_good}
    folds: dict[str, int] = {}
    num_accepted = num_rejected = 0
    for group in dict.fromkeys(part.group for part in parts):
        if group in inspector.group_folds:
            folds[group] = inspector.group_folds[group]
        elif group in accepted:
            folds[group] = num_good + num_accepted % MAX_ACCEPTED_FOLDS
            num_accepted += 1
        else:
            known = inspector.marked_folds.get(group, num_good)
            folds[group] = known if known < num_good else num_rejected % num_good
            num_rejected += 1
    return folds
