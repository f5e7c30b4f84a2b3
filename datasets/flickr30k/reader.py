"""Reads Flickr30k in the layouts of `CARD.md`. Loaded by path."""

from __future__ import annotations

from pathlib import Path

from mm.data.captions.read import check_captions, read_captions
from mm.data.captions.types import CaptionSet
from mm.data.sets.types import EvaluationSet, Problem

SET = CaptionSet(
    name="flickr30k",
    get="The images are requested from the authors: https://shannon.cs.illinois.edu/DenotationGraph/.",
    karpathy="dataset_flickr30k.json",
    tokens=("results_20130124.token", "flickr30k.token.txt"),
    tables=("results.csv", "captions.txt"),
    lists={
        "train": ("flickr30k_train.txt", "train.txt"),
        "dev": ("flickr30k_val.txt", "val.txt"),
        "test": ("flickr30k_test.txt", "test.txt"),
    },
)


def check(root: Path, split: str) -> list[Problem]:
    """What is wrong with a folder."""
    return check_captions(SET, root, split)


def read(root: Path, split: str) -> EvaluationSet:
    """The images of a split with their captions. Raises `InvalidInput`."""
    return read_captions(SET, root, split)
