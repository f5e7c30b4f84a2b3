"""Reads one photo of each ImageNet class: classes.json, split.json, images/. Loaded by path."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mm.data.sets.manifest import locate_file
from mm.data.sets.problems import ProblemList, warn_of_missing
from mm.data.sets.types import EvaluationSet, Problem, SetItem, list_errors
from mm.errors import InvalidInput

GET = "`mm data show imagenet_samples` says where the files come from."


def check(root: Path, split: str) -> list[Problem]:
    """What is wrong with a folder."""
    problems = ProblemList()
    warn_of_missing(problems, root, _read_items(root, split, problems), "photo", GET)
    return problems.listed()


def read(root: Path, split: str) -> EvaluationSet:
    """The photos of a split; the text of each is the name of its class. Raises `InvalidInput`."""
    problems = ProblemList()
    items = _read_items(root, split, problems)
    if errors := list_errors(problems.listed()):
        raise InvalidInput(str(errors[0]))
    return EvaluationSet("imagenet_samples", split, tuple(items))


def _read_items(root: Path, split: str, problems: ProblemList) -> list[SetItem]:
    try:
        names: dict[str, str] = json.loads((root / "classes.json").read_text(encoding="utf-8"))
        splits: dict[str, Any] = json.loads((root / "split.json").read_text(encoding="utf-8"))
        files = [str(file) for file in splits["protocols"]["photos"][split]]
        return [
            SetItem(
                Path(file).name, locate_file(root, file), file, texts=(names[Path(file).stem],), labels=(names[Path(file).stem],)
            )
            for file in files
        ]
    except (OSError, ValueError, KeyError, TypeError) as error:
        problems.error("not a folder of the set", str(root), f"classes.json or split.json cannot be read: {error!r}.", GET)
        return []
