"""Reads CVC-ClinicDB: `split.json` and the images that it names. Loaded by path."""

from __future__ import annotations

from pathlib import Path

from mm.data.inspection.lesions import read_cvc_clinicdb
from mm.data.inspection.sets import check_marked, read_marked
from mm.data.sets.types import EvaluationSet, Problem

GET = "`mm data show cvc_clinicdb` says where the files come from."


def check(root: Path, split: str) -> list[Problem]:
    """What is wrong with a folder."""
    return check_marked(root, split, read_cvc_clinicdb, GET)


def read(root: Path, split: str) -> EvaluationSet:
    """The images of a split with their masks. Raises `InvalidInput`."""
    return read_marked("cvc_clinicdb", root, split, read_cvc_clinicdb)
