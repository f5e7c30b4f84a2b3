"""Reads the magnetic tiles: `split.json` and the images that it names. Loaded by path."""

from __future__ import annotations

from pathlib import Path

from mm.data.inspection.parts import read_magnetic_tile
from mm.data.inspection.sets import check_marked, read_marked
from mm.data.sets.types import EvaluationSet, Problem

GET = "`mm data show magnetic_tile` says where the files come from."


def check(root: Path, split: str) -> list[Problem]:
    """What is wrong with a folder."""
    return check_marked(root, split, read_magnetic_tile, GET)


def read(root: Path, split: str) -> EvaluationSet:
    """The images of a split with their masks. Raises `InvalidInput`."""
    return read_marked("magnetic_tile", root, split, read_magnetic_tile)
