"""Data sets by name: `datasets/NAME/dataset.toml`, and the reader beside it, loaded by its path.

The folder is not a package: `datasets` is the name of a library. A reader is a file `reader.py`
with two functions, `check(root: Path, split: str) -> list[Problem]` and
`read(root: Path, split: str) -> EvaluationSet`. `read` raises `InvalidInput` for what `check`
reports as an error.
"""

from __future__ import annotations

import importlib.util
import sys
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import mm
from mm.data.sets.types import EvaluationSet, Problem, list_errors
from mm.errors import InvalidInput, NotFound

DATASETS = Path(mm.__file__).parents[1] / "datasets"
"""The data sets of this repository."""
TASKS = (
    "retrieval", "classification", "recognition", "trained-recognition", "paragraphs", "moments", "dense-captions", "detection",
    "captions", "defects", "lesions",
)  # fmt: skip
NUM_NAMED_PROBLEMS = 5
"""Problems in the message of an error; `check` lists all."""


@dataclass(frozen=True, slots=True)
class Described:
    """A `dataset.toml`."""

    folder: Path
    name: str
    title: str
    version: int
    licence: str
    source: str
    splits: tuple[str, ...]
    tasks: tuple[str, ...]
    """What the set is evaluated for, the usual one first; of `TASKS`."""
    get: str
    """How a person gets the data, one sentence or more."""
    own_tasks: tuple[str, ...] = ()
    """Tasks of a command of its own, which precedes the command of `tasks`: `mm eval NAME`."""
    defaults: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Options of a task by its name, where those of the set differ from those of the task."""


def list_sets(folder: Path = DATASETS, *, with_tasks: bool = True) -> list[Described]:
    """Sets with a reader, by name; `with_tasks` leaves out those that `mm eval` has no task for.

    Raises `InvalidInput` as `describe_set`.
    """
    names = sorted(path.parent.name for path in folder.glob("*/dataset.toml") if (path.parent / "reader.py").is_file())
    return [described for name in names if (described := describe_set(name, folder)).tasks or not with_tasks]


def describe_set(name: str, folder: Path = DATASETS) -> Described:
    """Read the description of a set.

    Raises `NotFound`, which lists the names that exist, and `InvalidInput` for a file that is not
    TOML, lacks a key, or names an unknown task.
    """
    path = folder / name / "dataset.toml"
    if not path.is_file():
        names = ", ".join(sorted(path.parent.name for path in folder.glob("*/dataset.toml")))
        raise NotFound(f"There is no data set '{name}' in {folder}. Sets are: {names or 'none'}.")
    try:
        described: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
        tasks = tuple(described.get("tasks", ()))
        if unknown := sorted(set(tasks) - set(TASKS)):
            raise InvalidInput(f"{path}: unknown tasks {', '.join(unknown)}. Tasks are: {', '.join(TASKS)}.")
        return Described(
            path.parent, described["name"], described["title"], described["version"], described["licence"],
            described["source"], tuple(described["splits"]), tasks, described.get("get", ""),
            tuple(described.get("own_tasks", ())), described.get("defaults", {}),
        )  # fmt: skip
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, KeyError, TypeError) as error:
        raise InvalidInput(f"{path} is not the description of a data set: {error!r}.") from error


def check_set(described: Described, root: Path, split: str) -> list[Problem]:
    """What is wrong with the folder `root`; warnings are problems that an evaluation survives.

    Raises `InvalidInput` for a split that the set does not have, and for a set without a reader.
    """
    reader = _load_reader(described, split)
    if not root.is_dir():
        return [Problem("error", str(root), "the folder does not exist.", described.get)]
    problems: list[Problem] = reader.check(root, split)
    return problems


def read_set(described: Described, root: Path, split: str) -> EvaluationSet:
    """Read the items of a split. Raises `InvalidInput` with the first errors of `check_set`."""
    errors = list_errors(check_set(described, root, split))
    if errors:
        raise InvalidInput(describe_problems(described.name, root, errors))
    read: EvaluationSet = _load_reader(described, split).read(root, split)
    if not read.present:
        raise InvalidInput(f"{root} has no file of the split '{split}' of {described.name}. {described.get}".rstrip())
    return read


def describe_problems(name: str, root: Path, problems: Sequence[Problem]) -> str:
    """A message with the first problems and the number of all."""
    named = " ".join(str(problem) for problem in problems[:NUM_NAMED_PROBLEMS])
    more = f" {len(problems) - NUM_NAMED_PROBLEMS} more: `--check` lists all." if len(problems) > NUM_NAMED_PROBLEMS else ""
    return f"{root} cannot be read as {name}. {named}{more}"


def _load_reader(described: Described, split: str) -> ModuleType:
    if described.splits and split not in described.splits:
        raise InvalidInput(f"{described.name} has no split '{split}'. Splits are: {', '.join(described.splits)}.")
    path = described.folder / "reader.py"
    name = f"_mm_datasets_{described.name}"
    specification = importlib.util.spec_from_file_location(name, path)
    if specification is None or specification.loader is None or not path.is_file():
        raise InvalidInput(f"{described.folder} has no reader.py.")
    module = importlib.util.module_from_spec(specification)
    sys.modules[name] = module  # dataclasses look up their module by its name
    specification.loader.exec_module(module)
    return module
