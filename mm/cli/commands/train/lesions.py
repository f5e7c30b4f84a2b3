"""`mm train lesions`: train the network that marks candidates for review in ultrasound images."""

from __future__ import annotations

from pathlib import Path

import click

from mm.cli import options
from mm.cli.commands.train.common import options_set, output_folder, print_output, print_progress, require_torch

PACK = "images.zip"
"""File of the output folder with all images, scaled; it is made once."""


@click.command()
@click.option(
    "--data",
    "folders",
    type=options.FOLDER,
    multiple=True,
    required=True,
    help="Data set of ultrasound images with outlined lesions: split.json. Repeat for several.",
)
@click.option("--train-on", "data_sets", multiple=True, help="Name of a data set to train on; the others are only measured.")
@output_folder
@click.option("--seed", "seeds", type=int, multiple=True, help="Seed of one run; the weights of the first are shipped.")
@click.option("--folds", type=click.IntRange(2), help="Parts of train that are left out in turn, for the calibration.")
@click.option("--steps", type=click.IntRange(1), help="Steps of each run.")
@click.option("--minutes", type=click.FloatRange(0), help="Longest duration of a run; 0 is no limit.")
@click.option("--size", type=click.IntRange(32), help="Side of the input, a multiple of 32 pixels.")
@click.option("--parallel", type=click.IntRange(1), default=1, show_default=True, help="Runs at the same time.")
@options.as_json
def command(folders: tuple[Path, ...], out: Path, parallel: int, as_json: bool, **values: object) -> None:
    """Train the lesion network on ultrasound images: candidates for review, not a diagnosis.

    Runs that were interrupted continue.
    """
    require_torch()
    import torch

    from mm.training.lesions.pack import pack_lesion_images
    from mm.training.lesions.recipe import LesionRecipe
    from mm.training.lesions.train import train_lesions

    out.mkdir(parents=True, exist_ok=True)
    if not (out / PACK).exists():
        print_progress(f"{pack_lesion_images(folders, out / PACK)} images")
    recipe = LesionRecipe(out / PACK, out, **options_set(values))  # type: ignore[arg-type]
    devices = [f"cuda:{number}" for number in range(torch.cuda.device_count())] or ["cpu"]
    print_output("weights", train_lesions([recipe], devices, parallel, print_progress)[0], as_json)
