"""In: names of data sets, their folders. Out: descriptions, problems, statistics, simulated sets.

`mm data`: one module per command. Must not know: how a set is evaluated.
"""

from __future__ import annotations

import click

from mm.cli.lazy import LazyGroup

COMMANDS = {
    "simulate": ("mm.cli.commands.data.simulate", "Build a simulated data set in the files of a real one."),
}


@click.group(cls=LazyGroup, commands_at=COMMANDS)
def command() -> None:
    """Describe data sets, and build simulated ones."""
