"""Reads Multi30k in the layouts of `CARD.md`. Loaded by path."""

from __future__ import annotations

from pathlib import Path

from mm.data.captions.multi30k import read_multi30k_captions
from mm.data.captions.read import Find, check_captions, read_captions
from mm.data.captions.types import CaptionSet
from mm.data.sets.types import EvaluationSet, Problem

GET = "The images are those of Flickr30k, from its authors: https://shannon.cs.illinois.edu/DenotationGraph/."
SET = CaptionSet("multi30k", GET)


def check(root: Path, split: str) -> list[Problem]:
    """What is wrong with a folder."""
    return check_captions(SET, root, split, _find(split))


def read(root: Path, split: str) -> EvaluationSet:
    """The images of a split with their descriptions in one language. Raises `InvalidInput`."""
    return read_captions(SET, root, split, _find(split))


def _find(split: str) -> Find:
    return lambda index, problems: read_multi30k_captions(index, split, problems)
