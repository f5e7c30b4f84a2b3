"""Reads ESC-50 (Piczak 2015): `meta/esc50.csv` and `audio/`, of which ESC-10 is ten classes."""

from __future__ import annotations

import csv
from pathlib import Path

from mm.data.sets.problems import FolderIndex, ProblemList, find_file_of_content, warn_of_missing
from mm.data.sets.types import EvaluationSet, Problem, SetItem, list_errors
from mm.errors import InvalidInput

TABLE = "esc50.csv"
FOLDS = {"train": ("1", "2", "3"), "dev": ("4",), "test": ("5",), "all": ("1", "2", "3", "4", "5")}
"""Folds of each split; clips of one recording are in one fold."""
GET = "Clone https://github.com/karolpiczak/ESC-50: it has meta/esc50.csv and the 2,000 clips in audio/."


def check_esc50(root: Path, split: str, *, only_esc10: bool) -> list[Problem]:
    """What is wrong with a folder."""
    problems = ProblemList()
    warn_of_missing(problems, root, _read_items(root, split, only_esc10, problems)[0], "clip", GET)
    return problems.listed()


def read_esc50(name: str, root: Path, split: str, *, only_esc10: bool) -> EvaluationSet:
    """The clips of the folds of a split with their classes. Raises `InvalidInput`."""
    problems = ProblemList()
    items, labels = _read_items(root, split, only_esc10, problems)
    if errors := list_errors(problems.listed()):
        raise InvalidInput(str(errors[0]))
    return EvaluationSet(name, split, tuple(items), labels)


def _read_items(root: Path, split: str, only_esc10: bool, problems: ProblemList) -> tuple[list[SetItem], tuple[str, ...]]:
    """The clips of a split, and the classes of all."""
    index = FolderIndex.read(root)
    path = index.first([TABLE])
    if path is None:
        problems.error("no table", str(root), f"there is no {TABLE}.", GET)
        return [], ()
    items: list[SetItem] = []
    labels: set[str] = set()
    try:
        with path.open(encoding="utf-8", newline="") as file:
            for number, row in enumerate(csv.DictReader(file), 2):
                if any(not row.get(name) for name in ("filename", "fold", "category", "esc10", "src_file")):
                    what = "expected filename, fold, category, esc10 and src_file."
                    problems.error("not a clip", f"{TABLE}, line {number}", what)
                    continue
                if only_esc10 and row["esc10"] != "True":
                    continue
                label = row["category"].replace("_", " ")
                labels.add(label)
                if row["fold"] in FOLDS[split]:
                    found = find_file_of_content(index.files.get(row["filename"], ()))
                    items.append(SetItem(row["filename"], found, f"freesound:{row['src_file']}", labels=(label,)))
    except (OSError, ValueError, csv.Error) as error:
        problems.error("unreadable file", TABLE, f"the file cannot be read: {error}.")
    return items, tuple(sorted(labels))
