"""Reads clips of surveillance cameras: `manifest.jsonl` and its files. Loaded by path."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from mm.data.sets.manifest import check_manifest, locate_file, read_manifest
from mm.data.sets.types import EvaluationSet, Problem, SetItem

GET = "`mm data show fight_clips` says where the files come from."
NAMES = {"fight": "people fighting", "no_fight": "people walking"}
"""Classes as they are described to a model."""
LABELS = tuple(NAMES.values())


def check(root: Path, split: str) -> list[Problem]:
    """What is wrong with a folder."""
    return check_manifest(root, split, _build, GET)


def read(root: Path, split: str) -> EvaluationSet:
    """The items of a split. Raises `InvalidInput`."""
    return read_manifest("fight_clips", root, split, _build, LABELS)


def _build(root: Path, row: Mapping[str, object]) -> SetItem | None:
    path = locate_file(root, row["file"])
    label = NAMES[str(row["label"])]
    return SetItem(str(row["id"]), path, str(row["group"]), labels=(label,))
