"""Reads a user's own folder. Loaded by path."""

from __future__ import annotations

from pathlib import Path

from mm.data.folder.layout import read_folder, select_items
from mm.data.sets.types import EvaluationSet, Problem, list_errors
from mm.errors import InvalidInput


def check(root: Path, split: str) -> list[Problem]:
    """What is wrong with a folder, line by line."""
    folder = read_folder(root)
    problems = list(folder.problems)
    if not list_errors(problems):
        try:
            select_items(folder, root, split)
        except InvalidInput as error:
            problems.append(Problem("error", str(root), str(error)))
    return problems


def read(root: Path, split: str) -> EvaluationSet:
    """The items of a split. Raises `InvalidInput`."""
    return select_items(read_folder(root), root, split)
