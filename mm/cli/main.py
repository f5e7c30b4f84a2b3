"""The command `mm`. Each command is a module that is imported when it is used, so that `mm --help`
answers at once."""

from __future__ import annotations

import click

import mm
from mm.cli.lazy import LazyGroup
from mm.private import restrict_umask

COMMANDS = {
    "serve": ("mm.cli.commands.serve", "Start the service and its page, and stay up."),
    "add": ("mm.cli.commands.add", "Put files and folders in."),
    "retry": ("mm.cli.commands.retry", "Process items again that failed or were stopped."),
    "search": ("mm.cli.commands.search", "Ask in words, with a picture, a sound or a clip."),
    "embed": ("mm.cli.commands.embed", "Vectors of texts and pictures."),
    "actions": ("mm.cli.commands.actions", "What is done in videos, scene by scene."),
    "models": ("mm.cli.commands.models", "The spaces that encode media and questions."),
    "space": ("mm.cli.commands.space", "The space of the library, and the way to another one."),
    "eval": ("mm.cli.commands.eval", "Reproduce the numbers of the cards from the shipped files, on a CPU."),
    "train": ("mm.cli.commands.train", "Make the weights and the calibration of a space anew."),
    "bench": ("mm.cli.commands.bench", "Print the numbers of the docs."),
    "keys": ("mm.cli.commands.keys", "Keys that let programs and people in."),
    "audit": ("mm.cli.commands.audit", "Who added, deleted and moved what, and changed keys."),
    "doctor": ("mm.cli.commands.doctor", "Say in words what is wrong on this machine."),
}
"""Module and one line of help of each command; the module's `command` is the rest."""


@click.group(cls=LazyGroup, commands_at=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(mm.__version__, prog_name="mm")
def main() -> None:
    """Put videos, photos and sounds in. Ask in words, with a picture, a sound or a clip. Get the
    moments back.

    Commands work on the folder MM_HOME (~/.mm), starting the service for as long as they need it or
    using the one that runs, or against a service elsewhere with --url.
    """
    restrict_umask()
