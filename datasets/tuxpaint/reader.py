"""Reads the stamps of Tux Paint: `manifest.jsonl` and the files that it names. Loaded by path."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from mm.data.sets.manifest import check_manifest, locate_file, read_manifest
from mm.data.sets.types import EvaluationSet, Problem, SetItem

GET = "`mm data show tuxpaint` says where the files come from."


def check(root: Path, split: str) -> list[Problem]:
    """What is wrong with a folder."""
    return check_manifest(root, split, _build, GET)


def read(root: Path, split: str) -> EvaluationSet:
    """The items of a split. Raises `InvalidInput`."""
    return read_manifest("tuxpaint", root, split, _build)


def _build(root: Path, row: Mapping[str, object]) -> SetItem | None:
    texts = row["text"]
    if row["image_type"] != "png" or not isinstance(texts, dict) or not texts.get("en"):
        return None
    return SetItem(str(row["id"]), locate_file(root, row["image"]), str(row["group"]), texts=(str(texts["en"]),))
