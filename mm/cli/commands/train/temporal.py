"""`mm train temporal`: train the temporal network, which finds the starts of shots and scenes."""

from __future__ import annotations

from pathlib import Path

import click

from mm.cli import options
from mm.cli.commands.train.common import captioned_images, options_set, print_output, print_progress, require_torch


@click.command()
@captioned_images
@click.option(
    "--films",
    "clip_sets",
    type=options.FOLDER,
    multiple=True,
    help="Clips that are spliced between the images: manifest.jsonl.",
)
@click.option("--out", type=options.NEW_FOLDER, help="Folder for weights and card; default with --space: that of the space.")
@click.option(
    "--space", default="lite", show_default=True, help="Space whose image tower encodes the frames, openclip:MODEL/PRETRAINED."
)
@click.option("--seed", "seeds", type=int, multiple=True, help="Seed of one run; the weights of the first are shipped.")
@click.option("--photographs", "max_images", type=click.IntRange(1), help="Largest number of images of train.")
@click.option("--steps", type=click.IntRange(1), help="Steps of each run.")
@click.option("--batch", type=click.IntRange(1), help="Videos per step.")
@click.option("--seconds", type=click.FloatRange(1), help="Length of a video, in seconds.")
@options.as_json
def command(data: Path, out: Path | None, space: str, as_json: bool, **values: object) -> None:
    """Train the temporal network, which finds the starts of shots and scenes.

    An interrupted run continues.
    """
    require_torch()
    from mm.models.temporal.config import TemporalConfig
    from mm.settings import load_settings
    from mm.spaces import load_space
    from mm.training.temporal.recipe import TemporalRecipe
    from mm.training.temporal.train import train_temporal

    loaded = load_space(space, load_settings())
    if out is None and loaded.id.name == "lite":
        raise click.UsageError("The temporal network of lite needs --out.")
    network = TemporalConfig(dim=loaded.dim)
    folder = out or loaded.temporal_weights.parent
    config = TemporalRecipe(data, folder, space=space, network=network, **options_set(values))  # type: ignore[arg-type]
    print_output("weights", train_temporal(config, loaded.image, print_progress), as_json)
