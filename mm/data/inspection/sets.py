"""Sets of marked images as items of an evaluation."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from mm.data.inspection.parts import FabricStrip
from mm.data.inspection.types import MarkedImage
from mm.data.sets.problems import ProblemList, count_noun, find_file_of_content, name_some
from mm.data.sets.types import EvaluationSet, Problem, SetItem
from mm.errors import InvalidInput

Read = Callable[[Path, str], Sequence[MarkedImage]]


def check_marked(root: Path, split: str, read: Read, get: str) -> list[Problem]:
    """What is wrong with a folder of `split.json`: missing images are counted and named."""
    problems = ProblemList()
    missing, total = _find_missing(root)
    if missing:
        what = f"{len(missing)} of {count_noun(total, 'image')} are missing: {name_some(missing)}."
        problems.error("missing files", str(root), what, get)
        return problems.listed()
    try:
        images = read(root, split)
    except InvalidInput as error:
        problems.error("unreadable folder", str(root), str(error), get)
        return problems.listed()
    for image in images:
        if lacking := [mask.name for mask in image.masks if find_file_of_content([mask]) is None]:
            problems.error("missing mask", str(image.path), f"its masks are missing: {name_some(lacking)}.", get)
    return problems.listed()


def read_marked(name: str, root: Path, split: str, read: Read) -> EvaluationSet:
    """The images of a split; the label is the kind, `good` where nothing is marked."""
    return EvaluationSet(name, split, tuple(_build_item(root, image) for image in read(root, split)))


def _build_item(root: Path, image: MarkedImage) -> SetItem:
    item = SetItem(image.path.relative_to(root).as_posix(), image.path, image.group, labels=(image.kind,), masks=image.masks)
    if isinstance(image, FabricStrip):
        return replace(item, category=image.fabric, is_support=image.is_support, is_grey=True)
    return item


def _find_missing(root: Path) -> tuple[list[str], int]:
    """Images that the splits name and that are missing or empty, and the number of all."""
    try:
        protocols = json.loads((root / "split.json").read_text(encoding="utf-8"))["protocols"]
        names = sorted({str(name) for splits in protocols.values() for listed in splits.values() for name in listed})
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return [], 0  # the reader says what is wrong with the file
    return [name for name in names if find_file_of_content([root / name]) is None], len(names)
