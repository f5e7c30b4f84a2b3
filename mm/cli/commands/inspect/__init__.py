"""In: an inspector, and images, a video or a camera. Out: verdicts about parts.

`mm inspect`: one module per command. Must not know: how an inspector computes a score.
"""

from __future__ import annotations

import click

from mm.cli.lazy import LazyGroup

COMMANDS = {
    "watch": ("mm.cli.commands.inspect.watch", "Inspect the parts of a video, a folder or a camera, one verdict for each part."),
}


@click.group(cls=LazyGroup, commands_at=COMMANDS)
def command() -> None:
    """Inspect parts with an inspector that was fitted on images of good ones."""
