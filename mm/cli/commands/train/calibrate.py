"""`mm train calibrate`: fit the map from cosines to probabilities, and the score thresholds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from mm.cli import options
from mm.cli.commands.train.common import (
    captioned_images,
    image_weights,
    load_openclip_space,
    print_output,
    print_progress,
    require_torch,
)


@click.command()
@captioned_images
@click.option("--spoken", type=options.FOLDER, help="Spoken captions: manifest.jsonl, audio/. Not with --space.")
@click.option("--out", type=options.NEW_FOLDER, help="Folder for the results; default with --space: the folder of that space.")
@image_weights
@click.option("--texts", type=options.FOLDER, help="Folder of the text sets; default: datasets/.")
@click.option("--space", help="Calibrate this larger space instead, openclip:MODEL/PRETRAINED.")
@options.as_json
def command(
    data: Path, spoken: Path | None, out: Path | None, weights: Path | None, texts: Path | None, space: str | None, as_json: bool
) -> None:
    """Fit on dev the map from cosines to probabilities, and the score thresholds of hits."""
    if space is not None:
        if spoken is not None or weights is not None:
            raise click.UsageError("--space cannot be combined with --spoken or --weights: its speech is that of lite.")
        path = _calibrate_openclip(space, data, out, texts)
    elif spoken is None or out is None:
        raise click.UsageError("The calibration of lite needs --spoken and --out.")
    else:
        path = _calibrate_lite(data, spoken, out, weights, texts)
    print_output("calibration", path, as_json, others="trade-off of the thresholds")


def _calibrate_lite(data: Path, spoken: Path, out: Path, weights: Path | None, texts: Path | None) -> Path:
    require_torch()
    from mm.spaces.registry import WEIGHTS
    from mm.training.calibration.fit import fit_calibration
    from mm.training.calibration.recipe import CalibrationConfig

    config = CalibrationConfig(data, spoken, out, weights or WEIGHTS / "lite" / "image.safetensors")
    return fit_calibration(config if texts is None else replace(config, texts=texts), print_progress)


def _calibrate_openclip(name: str, data: Path, out: Path | None, texts: Path | None) -> Path:
    from mm.settings import load_settings

    space, settings = load_openclip_space(name), load_settings()
    from mm.training.calibration.fit_openclip import OpenClipCalibrationConfig, fit_openclip_calibration

    cache = settings.root / "cache" / "calibrate" / str(space.id)
    config = OpenClipCalibrationConfig(data, out or space.folder, cache)
    return fit_openclip_calibration(space, config if texts is None else replace(config, texts=texts), print_progress)
