"""Reads the captions of COCO in the layouts of `CARD.md`. Loaded by path."""

from __future__ import annotations

from pathlib import Path

from mm.data.captions.read import check_captions, read_captions
from mm.data.captions.types import CaptionSet
from mm.data.sets.types import EvaluationSet, Problem

SET = CaptionSet(
    name="coco_captions",
    get="Images and annotations are at https://cocodataset.org/#download.",
    karpathy="dataset_coco.json",
    coco=True,
)


def check(root: Path, split: str) -> list[Problem]:
    """What is wrong with a folder."""
    return check_captions(SET, root, split)


def read(root: Path, split: str) -> EvaluationSet:
    """The images of a split with their captions. Raises `InvalidInput`."""
    return read_captions(SET, root, split)
