"""Reads the AITEX fabrics: `split.json` and the images that it names. Loaded by path."""

from __future__ import annotations

from pathlib import Path

from mm.data.inspection.parts import read_aitex_fabric
from mm.data.inspection.sets import check_marked, read_marked
from mm.data.sets.types import EvaluationSet, Problem

GET = "`mm data show aitex_fabric` says where the files come from."


def check(root: Path, split: str) -> list[Problem]:
    """What is wrong with a folder."""
    return check_marked(root, split, read_aitex_fabric, GET)


def read(root: Path, split: str) -> EvaluationSet:
    """The images of a split with their masks. Raises `InvalidInput`."""
    return read_marked("aitex_fabric", root, split, read_aitex_fabric)
