"""In: an inspector, and images, a video or a camera. Out: verdicts about parts.

`mm inspect`: one module per command. Must not know: how an inspector computes a score.
"""

from __future__ import annotations

import click

from mm.cli.lazy import LazyGroup

COMMANDS = {
    "fit": ("mm.cli.commands.inspect.fit", "Fit an inspector on pictures of good parts."),
    "run": ("mm.cli.commands.inspect.run", "Inspect images and videos, and write records and heat maps."),
    "watch": ("mm.cli.commands.inspect.watch", "Inspect the parts of a video, a folder or a camera, one verdict for each part."),
    "mark": ("mm.cli.commands.inspect.mark", "Mark images as good or defective, and teach the inspector."),
    "report": ("mm.cli.commands.inspect.report", "Write a run as one HTML file with heat maps."),
    "export": ("mm.cli.commands.inspect.export", "Export a run as COCO JSON, CSV, MVTec folders or 16-bit heat maps."),
    "list": ("mm.cli.commands.inspect.listing", "List inspectors, their versions, and runs."),
    "use": ("mm.cli.commands.inspect.use", "Use another version of an inspector."),
    "rm": ("mm.cli.commands.inspect.rm", "Delete an inspector, or a run."),
}


@click.group(cls=LazyGroup, commands_at=COMMANDS)
def command() -> None:
    """Inspect parts with an inspector that was fitted on images of good ones."""
