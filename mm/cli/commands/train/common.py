"""What the commands of `mm train` share."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mm.cli import options
from mm.errors import Unavailable

if TYPE_CHECKING:
    from mm.spaces.openclip_space import OpenClipSpace

captioned_images = click.option(
    "--data", type=options.FOLDER, required=True, help="Data set of captioned images, with the splits train and dev."
)
output_folder = click.option("--out", type=options.NEW_FOLDER, required=True, help="Folder for the weights and their card.")
image_weights = click.option("--weights", type=options.FILE, help="Weights of the image tower; default: the shipped ones.")


def options_set(values: Mapping[str, object]) -> dict[str, object]:
    """The options that were set on the command line."""
    return {name: value for name, value in values.items() if value not in (None, ())}


def print_progress(line: str) -> None:
    click.echo(line, err=True)


def print_epoch(done: int, total: int, line: str) -> None:
    click.echo(f"epoch {done} of {total}: {line}", err=True)


def print_output(key: str, path: Path, as_json: bool, *, others: str = "card") -> None:
    """Print where the result is; `others` are written to the same folder."""
    click.echo(json.dumps({key: str(path)}) if as_json else f"{key.capitalize()}: {path} ({others} in the same folder).")


def load_openclip_space(name: str) -> OpenClipSpace:
    """Load a larger space without its own sound tower. Raises `UsageError` for another space."""
    from mm.settings import load_settings
    from mm.spaces import openclip_space
    from mm.spaces.registry import WEIGHTS

    if not name.startswith(openclip_space.PREFIX) or name.endswith(openclip_space.OWN_SOUND):
        raise click.UsageError(f"--space must be a larger space, {openclip_space.PREFIX}MODEL/PRETRAINED.")
    return openclip_space.load_openclip_space(name, load_settings(), WEIGHTS / "lite")


def require_torch() -> None:
    """Raise `Unavailable` when torch is not installed; the base environment only serves."""
    if importlib.util.find_spec("torch") is None:
        raise Unavailable("Training needs torch, which is not installed: `pip install --no-deps -r requirements-train.lock`.")
