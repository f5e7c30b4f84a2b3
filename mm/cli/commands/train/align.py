"""`mm train align`: train the image tower into the space of the text tower."""

from __future__ import annotations

from pathlib import Path

import click

from mm.cli import options
from mm.cli.commands.train.common import (
    captioned_images,
    options_set,
    output_folder,
    print_epoch,
    print_output,
    require_torch,
)


@click.command()
@captioned_images
@output_folder
@click.option("--unlabeled", type=options.FOLDER, help="Folder of images without captions.")
@click.option("--epochs", type=click.IntRange(1), help="Epochs of each run.")
@click.option("--batch", type=click.IntRange(1), help="Images per step.")
@click.option("--size", type=click.IntRange(32), help="Side of the input, in pixels.")
@click.option("--stored", "stored_size", type=click.IntRange(32), help="Side at which images are held in memory, in pixels.")
@click.option("--rate", type=click.FloatRange(0, min_open=True), help="Highest learning rate.")
@options.as_json
def command(data: Path, out: Path, as_json: bool, **values: object) -> None:
    """Train the image tower into the space of the text tower. An interrupted run continues."""
    require_torch()
    from mm.training.align.recipe import AlignConfig
    from mm.training.align.train import align

    config = AlignConfig(data=data, out=out, **options_set(values))  # type: ignore[arg-type]
    print_output("weights", align(config, print_epoch), as_json)
