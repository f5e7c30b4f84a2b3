"""Reads ESC-50. Loaded by path."""

from __future__ import annotations

from pathlib import Path

from mm.data.esc50 import check_esc50, read_esc50
from mm.data.sets.types import EvaluationSet, Problem


def check(root: Path, split: str) -> list[Problem]:
    """What is wrong with a folder."""
    return check_esc50(root, split, only_esc10=False)


def read(root: Path, split: str) -> EvaluationSet:
    """The clips of a split. Raises `InvalidInput`."""
    return read_esc50("esc50", root, split, only_esc10=False)
