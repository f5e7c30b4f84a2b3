"""Reads DeepPCB: `split.json`, tested boards, templates and boxes. Loaded by path."""

from __future__ import annotations

from pathlib import Path

from mm.data.inspection.deep_pcb import read_deep_pcb
from mm.data.sets.types import EvaluationSet, Problem, SetItem
from mm.errors import InvalidInput

GET = "Clone https://github.com/tangsanli5201/DeepPCB; `split.json` lists the boards of each split."


def check(root: Path, split: str) -> list[Problem]:
    """What is wrong with a folder: the first fault of its annotations."""
    try:
        read_deep_pcb(root, split)
    except InvalidInput as error:
        return [Problem("error", str(root), str(error), GET)]
    return []


def read(root: Path, split: str) -> EvaluationSet:
    """The boards of a split with the kinds of their defects. Raises `InvalidInput`."""
    items = tuple(
        SetItem(pair.path.relative_to(root).as_posix(), pair.path, pair.group, labels=tuple(sorted(set(pair.boxes.kinds))))
        for pair in read_deep_pcb(root, split)
    )
    return EvaluationSet("deep_pcb", split, items)
