"""Reads BUS-BRA: `split.json` and the images that it names. Loaded by path."""

from __future__ import annotations

from pathlib import Path

from mm.data.inspection.lesions import read_bus_bra
from mm.data.inspection.sets import check_marked, read_marked
from mm.data.sets.types import EvaluationSet, Problem

GET = "`mm data show bus_bra` says where the files come from."


def check(root: Path, split: str) -> list[Problem]:
    """What is wrong with a folder."""
    return check_marked(root, split, read_bus_bra, GET)


def read(root: Path, split: str) -> EvaluationSet:
    """The images of a split with their masks. Raises `InvalidInput`."""
    return read_marked("bus_bra", root, split, read_bus_bra)
