"""Reads MVTec AD. Loaded by path."""

from __future__ import annotations

from pathlib import Path

from mm.data.inspection.visa import read_mvtec_items
from mm.data.sets.problems import ProblemList
from mm.data.sets.types import EvaluationSet, Problem, list_errors
from mm.errors import InvalidInput


def check(root: Path, split: str) -> list[Problem]:
    """What is wrong with a folder."""
    problems = ProblemList()
    read_mvtec_items(root, split, problems)
    return problems.listed()


def read(root: Path, split: str) -> EvaluationSet:
    """The images of a split with their masks. Raises `InvalidInput`."""
    problems = ProblemList()
    items = read_mvtec_items(root, split, problems)
    if errors := list_errors(problems.listed()):
        raise InvalidInput(str(errors[0]))
    return EvaluationSet("mvtec_ad", split, tuple(items))
