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
@click.option("--folds", "num_folds", type=click.IntRange(2), help="Train so many towers, each without one fold of the images.")
@click.option("--fold", type=click.IntRange(0), help="Train only the tower without this fold, from 0; the others are left.")
@click.option("--run", metavar="NAME", help="Train only the runs of this name; weights are left to a command without it.")
@click.option(
    "--variant",
    "variants",
    multiple=True,
    metavar="NAME",
    help="Variant of the recipe to train and average; repeatable. Default: all.",
)
@options.as_json
def command(
    data: Path, out: Path, fold: int | None, run: str | None, variants: tuple[str, ...], as_json: bool, **values: object
) -> None:
    """Train the image tower into the space of the text tower. An interrupted run continues."""
    require_torch()
    from mm.training.align.recipe import AlignConfig, select_variants
    from mm.training.align.train import align, train_part

    if variants:
        values["variants"] = select_variants(variants)
    config = AlignConfig(data=data, out=out, **options_set(values))  # type: ignore[arg-type]
    if fold is not None or run is not None:
        train_part(config, print_epoch, fold, run)
        print_output("states", out, as_json, others="no weights yet")
        return
    print_output("weights", align(config, print_epoch), as_json)
