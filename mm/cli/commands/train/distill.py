"""`mm train distill`: train the image tower of lite by distillation from a larger model."""

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
@click.option("--teacher", required=True, help="Space whose image and text towers are the teacher, openclip:MODEL/PRETRAINED.")
@captioned_images
@output_folder
@click.option("--unlabeled", type=options.FOLDER, help="Folder of images without captions.")
@click.option("--told", "captions_per_image", type=click.IntRange(1), help="Captions per image that the teacher scores.")
@click.option("--epochs", type=click.IntRange(1), help="Epochs of each run.")
@click.option("--batch", type=click.IntRange(1), help="Images per step.")
@click.option("--size", type=click.IntRange(32), help="Side of the input, in pixels.")
@click.option("--stored", "stored_size", type=click.IntRange(32), help="Side at which images are held in memory, in pixels.")
@click.option("--rate", type=click.FloatRange(0, min_open=True), help="Highest learning rate.")
@options.as_json
def command(teacher: str, data: Path, out: Path, as_json: bool, **values: object) -> None:
    """Train the image tower of lite by distillation; the captions are the teacher's candidates.

    An interrupted run continues.
    """
    require_torch()
    from mm.settings import load_settings
    from mm.spaces import load_space
    from mm.training.align.recipe import AlignConfig
    from mm.training.align.train import distill

    config = AlignConfig(data=data, out=out, **options_set(values))  # type: ignore[arg-type]
    print_output("weights", distill(config, load_space(teacher, load_settings()), print_epoch), as_json)
