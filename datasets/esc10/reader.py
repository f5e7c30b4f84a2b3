"""Reads ESC-10: ten classes of `esc50.csv`, or `manifest.jsonl`. Loaded by path."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from mm.data.esc50 import GET, check_esc50, read_esc50
from mm.data.sets.manifest import MANIFEST, check_manifest, locate_file, read_manifest
from mm.data.sets.types import EvaluationSet, Problem, SetItem


def check(root: Path, split: str) -> list[Problem]:
    """What is wrong with a folder."""
    if (root / MANIFEST).is_file():
        return check_manifest(root, split, _build, GET)
    return check_esc50(root, split, only_esc10=True)


def read(root: Path, split: str) -> EvaluationSet:
    """The clips of a split. Raises `InvalidInput`."""
    if (root / MANIFEST).is_file():
        return read_manifest("esc10", root, split, _build)
    return read_esc50("esc10", root, split, only_esc10=True)


def _build(root: Path, row: Mapping[str, object]) -> SetItem | None:
    label = str(row["label"]).replace("_", " ")
    return SetItem(str(row["id"]), locate_file(root, row["file"]), str(row["group"]), labels=(label,))
