"""`mm inspect fit`: an inspector from pictures of good parts."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mm.cli import options

if TYPE_CHECKING:
    from mm.inspection.inspector import FittedInspector
    from mm.inspection.settings import FitSettings


@click.command()
@click.argument("name")
@click.argument("pictures", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="PICTURES|FOLDER...")
@click.option("--rate", type=float, default=0.05, show_default=True, help="Share of good parts that may fail.")
@click.option(
    "--group-by",
    default="none",
    show_default=True,
    metavar="none|folder|prefix|FILE",
    help="What shows one part or batch: each picture alone, those of a folder, those whose names agree up to the last - or _, or "
    "a CSV FILE with a picture and its group in each row. Pictures of one part must be in one group.",
)
@click.option("--size", type=click.IntRange(32), default=256, show_default=True, help="Pixels of the longer side as inspected.")
@click.option("--native", is_flag=True, help="Inspect at the resolution of the pictures, in tiles: for small defects, slower.")
@click.option("--rotations", is_flag=True, help="The part may lie in any of four directions.")
@click.option("--register", is_flag=True, help="Align each picture with the first one.")
@click.option("--backbone", default="imagenet", show_default=True, help="imagenet, lite, or on a GPU timm:MODEL[@FILE].")
@click.option("--choose", is_flag=True, help="Choose backbone, size and share by rendered defects on the good pictures; slow.")
@click.option("--seed", type=int, default=0, show_default=True)
@options.as_json
def command(
    name: str,
    pictures: tuple[Path, ...],
    rate: float,
    group_by: str,
    size: int,
    native: bool,
    rotations: bool,
    register: bool,
    backbone: str,
    choose: bool,
    seed: int,
    as_json: bool,
) -> None:
    """Fit the inspector NAME on pictures of good parts; if it exists, as its next version.

    One picture is accepted, eight are usual, a hundred are good. Prints how often a good part will
    fail: the requested rate, what it stands on, and the smallest rate that so many parts allow.
    Folders are searched for pictures. No defective part is needed.
    """
    from mm.cli.inspection.fitting import Fitting
    from mm.cli.inspection.pictures import IMAGE_SUFFIXES, find_files, group_images
    from mm.cli.progress import open_progress
    from mm.inspection.features.framing import Framing
    from mm.inspection.settings import FitSettings
    from mm.settings import load_settings

    images = group_images(find_files(pictures, IMAGE_SUFFIXES), group_by)
    framing = Framing(longest=None) if native else Framing(longest=size)
    settings = FitSettings(
        backbone=backbone, framing=framing, has_rotations=rotations, has_registration=register, rate=rate, seed=seed
    )
    with open_progress() as progress, progress.task(name) as report:
        inspector = Fitting(load_settings(), report).fit(name, images, settings, choose=choose)
    _print(inspector, as_json=as_json)


def _print(inspector: FittedInspector, *, as_json: bool) -> None:
    from mm.inspection.records import describe

    threshold = describe(inspector.threshold)
    if as_json:
        document = {
            "name": inspector.name,
            "version": inspector.version,
            "settings": asdict(inspector.settings),
            "num_vectors": len(inspector.bank.vectors_BC),
            "threshold": threshold.model_dump(mode="json"),
        }
        click.echo(json.dumps(document))
        return
    click.echo(f"{inspector.name}\tversion {inspector.version}\t{_describe(inspector.settings)}")
    click.echo(threshold.statement)


def _describe(settings: FitSettings) -> str:
    framing = settings.framing
    size = f"{framing.longest} px" if framing.longest is not None else f"native resolution x {framing.factor:g}"
    directions = ["four directions"] if settings.has_rotations else []
    aligned = ["aligned"] if settings.has_registration else []
    return ", ".join([settings.backbone, size, f"largest {settings.share:.1%} of the patches", *directions, *aligned])
