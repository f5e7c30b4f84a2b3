"""The images of a set by category: those that an inspector is fitted on, and those it inspects."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mm.data.inspection.types import MarkedImage
from mm.data.sets.types import EvaluationSet, SetItem
from mm.errors import InvalidInput

GOOD = "good"
DEFECT = "defect"
"""Kind of an image with a mask and without a label."""


@dataclass(frozen=True, slots=True)
class Category:
    """Good images of one product to fit on, and images to inspect."""

    name: str
    """Empty where the set has no categories."""
    good: tuple[SetItem, ...]
    inspected: tuple[SetItem, ...]

    @property
    def label(self) -> str:
        """The name, or `all images`."""
        return self.name or "all images"


def list_categories(data: EvaluationSet, train: EvaluationSet) -> list[Category]:
    """Categories of the evaluated split in the order of their names.

    Where a category has support images, an inspector is fitted on these; otherwise on the good
    images of train. Raises `InvalidInput` where the split has images that are fitted on.
    """
    categories = []
    for name in sorted({item.category for item in data.present}):
        own = [item for item in data.present if item.category == name]
        support = tuple(item for item in own if item.is_support)
        of_train = tuple(item for item in train.present if item.category == name and find_kind(item) == GOOD)
        inspected = tuple(item for item in own if not item.is_support)
        fitted = {item.path for item in of_train}
        if not support and (overlap := [item.id for item in inspected if item.path in fitted]):
            raise InvalidInput(
                f"The split '{data.split}' of {data.name} has {len(overlap)} good images of train, on which inspectors are "
                f"fitted, such as {overlap[0]}. Choose a split without them."
            )
        categories.append(Category(name, support or of_train, inspected))
    return categories


def find_kind(item: SetItem) -> str:
    """`good`, or the kind of the defect: the label, or without one whether there is a mask."""
    if item.labels:
        return GOOD if item.labels[0].lower() == GOOD else item.labels[0]
    return DEFECT if item.masks else GOOD


def to_marked_image(item: SetItem) -> MarkedImage:
    """The item as evaluations of inspection have it."""
    return MarkedImage(item.path or Path(), item.group, find_kind(item), item.masks)
