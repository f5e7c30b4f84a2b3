"""In: names of data sets, their folders. Out: descriptions, problems, statistics, simulated sets.

`mm data`: one module per command. Must not know: how a set is evaluated.
"""

from __future__ import annotations

import click

from mm.cli.lazy import LazyGroup

COMMANDS = {
    "list": ("mm.cli.commands.data.list_sets", "List the data sets that are read, with tasks, splits and licence."),
    "show": ("mm.cli.commands.data.show", "Show the card of a data set, and how to get it."),
    "check": ("mm.cli.commands.data.check", "Say what is missing or wrong in the folder of a data set, or in your own."),
    "example": ("mm.cli.commands.data.example", "Print a table of a folder of your own that can be copied."),
    "statistics": ("mm.cli.commands.data.statistics", "Print what annotations alone say: spans, words, proposals."),
    "simulate": ("mm.cli.commands.data.simulate", "Build a simulated data set in the files of a real one."),
}


@click.group(cls=LazyGroup, commands_at=COMMANDS)
def command() -> None:
    """List data sets, check folders, and build simulated sets."""
