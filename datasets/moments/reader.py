"""Reads the captioned photos that videos are spliced from. Loaded by path."""

from __future__ import annotations

from pathlib import Path

from mm.data.captions.read import check_captions, read_captions
from mm.data.captions.types import CaptionSet
from mm.data.sets.types import EvaluationSet, Problem

SPLITS = ("train", "dev", "test")
SET = CaptionSet(
    name="moments",
    get="The photos of Flickr8k are requested from its authors: https://forms.illinois.edu/sec/1713398.",
    karpathy="dataset_flickr8k.json",
    tokens=("Flickr8k.token.txt",),
    tables=("captions.txt",),
    lists={split: (f"Flickr_8k.{split}Images.txt",) for split in SPLITS},
)


def check(root: Path, split: str) -> list[Problem]:
    """What is wrong with a folder, in any layout of Flickr8k."""
    return check_captions(SET, root, split)


def read(root: Path, split: str) -> EvaluationSet:
    """The photos of a split with their captions. Raises `InvalidInput`."""
    return read_captions(SET, root, split)
