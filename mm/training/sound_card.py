"""The card of the sound tower's training, and the table of the strict protocol."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import version

import numpy as np
import numpy.typing as npt

from mm.evaluation.ranking import Interval, bootstrap
from mm.training.sound_config import SoundConfig

_TEMPLATE = """# Sound tower

MobileNet that started from YAMNet's weights, trained towards the sentence vectors of MiniLM-L6, which stays locked.

## Accuracy on the split dev of `{data}`, by the names of its classes as prompts
{numbers}

## Recipe
{recipe}

Python {python}, torch {torch}.
"""


def sound_card(config: SoundConfig, accuracies: Sequence[Interval], teacher: Interval) -> str:
    """Markdown: recipe, versions, and accuracy on dev of each seed and, last, of the mean of their weights."""
    recipe = "\n".join(f"- {name}: {value}" for name, value in asdict(config).items() if not _is_path(name))
    names = [*(f"seed {seed}" for seed in config.seeds), "mean of the weights, in 8 bits"]
    rows = [*zip(names, accuracies, strict=True), ("YAMNet, the class nearest in words", teacher)]
    return _TEMPLATE.format(
        data=config.esc10.name, numbers=_table(rows), recipe=recipe, python=platform.python_version(), torch=version("torch")
    )


def strict_table(seeds: Mapping[str, npt.NDArray[np.float64]], teacher: npt.NDArray[np.floating]) -> str:
    """Markdown: accuracy on sounds of labels of which no clip was heard, a row a seed."""
    rows = [*((f"seed {seed}", bootstrap(values)) for seed, values in seeds.items())]
    return _table([*rows, ("YAMNet, the class nearest in words", bootstrap(teacher))]) + "\n"


def _table(rows: Sequence[tuple[str, Interval]]) -> str:
    head = "| tower | accuracy | 95 % interval |\n| --- | --- | --- |\n"
    return head + "\n".join(f"| {name} | {one.mean:.1%} | {one.low:.1%} to {one.high:.1%} |" for name, one in rows)


def _is_path(name: str) -> bool:
    return name in ("esc10", "teacher", "captions", "out", "tuxpaint", "films", "image_weights", "names")
