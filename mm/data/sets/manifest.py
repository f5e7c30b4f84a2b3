"""Sets whose items are rows of `manifest.jsonl`, each with its file and split."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from mm.data.sets.problems import ProblemList, find_file_of_content, warn_of_missing
from mm.data.sets.types import EvaluationSet, Problem, SetItem, list_errors
from mm.errors import InvalidInput
from mm.files import read_json_lines

MANIFEST = "manifest.jsonl"
Build = Callable[[Path, Mapping[str, object]], SetItem | None]
"""Makes the item of a row, or None for a row that is not part of the set. Raises `KeyError`."""


def check_manifest(root: Path, split: str, build: Build, get: str) -> list[Problem]:
    """What is wrong with a folder: its manifest, and files that are missing."""
    problems = ProblemList()
    items = _read_items(root, split, build, get, problems)
    warn_of_missing(problems, root, items, "file", get)
    return problems.listed()


def read_manifest(name: str, root: Path, split: str, build: Build, labels: tuple[str, ...] = ()) -> EvaluationSet:
    """The items of a split; `labels` are all classes. Raises `InvalidInput`."""
    problems = ProblemList()
    items = _read_items(root, split, build, "", problems)
    if errors := list_errors(problems.listed()):
        raise InvalidInput(str(errors[0]))
    return EvaluationSet(name, split, tuple(items), labels)


def locate_file(root: Path, name: object) -> Path | None:
    """A file that a row names, unless it is missing, empty or outside of the folder."""
    path = root / str(name)
    return find_file_of_content([path]) if path.resolve().is_relative_to(root.resolve()) else None


def _read_items(root: Path, split: str, build: Build, get: str, problems: ProblemList) -> list[SetItem]:
    try:
        rows = read_json_lines(root / MANIFEST)
    except InvalidInput as error:
        problems.error("no manifest", str(root), str(error), get)
        return []
    items: dict[str, SetItem] = {}
    for number, row in enumerate(rows, 1):
        where = f"{MANIFEST}, row {number}"
        try:
            item = build(root, row) if row["split"] == split else None
        except (KeyError, TypeError, AttributeError) as error:
            problems.error("not an item", where, f"a field is missing or is not valid: {error!r}.")
            continue
        if item is not None and item.id in items:
            problems.error("duplicate id", where, f"the id '{item.id}' is there already.")
        elif item is not None:
            items[item.id] = item
    if not items and not problems.has_errors:
        problems.error("no split", str(root / MANIFEST), f"there is no item of the split '{split}'.", get)
    return list(items.values())
