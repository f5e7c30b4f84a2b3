"""`mm train sound`: train the map from YAMNet's classes into the space."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from mm.cli import options
from mm.cli.commands.train.common import (
    image_weights,
    load_openclip_space,
    options_set,
    print_output,
    print_progress,
    require_torch,
)

if TYPE_CHECKING:
    from mm.spaces.openclip_space import OpenClipSpace


@click.command()
@click.option("--esc10", type=options.FOLDER, required=True, help="Labelled sounds, with the splits train and dev.")
@click.option("--teacher", type=options.FILE, required=True, help="YAMNet, `yamnet_spectra_in.tflite`.")
@click.option("--captions", type=options.FOLDER, required=True, help="Captions of sounds, as text.")
@click.option("--out", type=options.NEW_FOLDER, help="Folder for the results; default with --space: the folder of that space.")
@click.option("--space", help="Train the sound tower of this larger space instead, openclip:MODEL/PRETRAINED.")
@click.option("--tuxpaint", type=options.FOLDER, help="Images with their names and sounds.")
@click.option("--films", "videos", type=options.FOLDER, multiple=True, help="Videos whose audio is mixed into other sounds.")
@image_weights
@click.option("--seed", "seeds", type=int, multiple=True, help="Seed of one run; the result is the mean of all runs.")
@click.option("--takes", type=click.IntRange(0), help="Augmented windows of each sound, in addition to the original.")
@click.option("--steps", type=click.IntRange(1), help="Steps of each run.")
@options.as_json
def command(
    esc10: Path,
    teacher: Path,
    captions: Path,
    out: Path | None,
    space: str | None,
    tuxpaint: Path | None,
    videos: tuple[Path, ...],
    weights: Path | None,
    as_json: bool,
    **values: object,
) -> None:
    """Train the map from YAMNet's classes into the space. An interrupted run continues.

    With --space the larger space gets a sound tower of its own, and is then named SPACE+sound.
    """
    require_torch()
    from mm.spaces.registry import WEIGHTS
    from mm.training.sound.recipe import SoundConfig
    from mm.training.sound.train import train_sound

    recipe = options_set(values)
    larger: OpenClipSpace | None = None
    if space is not None:
        if weights is not None:
            raise click.UsageError("--space cannot be combined with --weights: the space has its own image tower.")
        larger = load_openclip_space(space)
        recipe["space"] = str(larger.id)
    elif out is None:
        raise click.UsageError("The sound tower of lite needs --out.")
    else:
        recipe["image_weights"] = weights or WEIGHTS / "lite" / "image.safetensors"
    folder = out or (larger.folder if larger is not None else Path())
    config = SoundConfig(esc10, teacher, captions, folder, tuxpaint, videos, **recipe)  # type: ignore[arg-type]
    print_output("weights", train_sound(config, print_progress, larger), as_json, others="scores and card")
