"""`mm inspect fit`: an inspector from pictures of good parts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from mm.cli import options

if TYPE_CHECKING:
    from mm.cli.inspection.fitting import FitOptions
    from mm.inspection.inspector_file import AnyInspector
    from mm.inspection.types import GoodImage

OF_PATCHES = ("size", "native", "rotations", "fine", "cracks", "choose")
OF_TEMPLATES = ("conductor", "tolerance")


@click.command()
@click.argument("name")
@click.argument("pictures", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="PICTURES|FOLDER...")
@click.option(
    "--mode",
    type=click.Choice(["patches", "template", "logical"]),
    default="patches",
    show_default=True,
    help="patches: surfaces and parts; template: boards and prints, against the first picture; logical: named regions.",
)
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
@click.option("--fine", is_flag=True, help="Describe patches at twice the resolution, too: for small defects, more false alarms.")
@click.option("--cracks", is_flag=True, help="Learn from rendered cracks, too: for thin defects of textured parts, slower.")
@click.option("--register/--no-register", default=None, help="Align each picture with the first one; default: not for patches.")
@click.option("--backbone", default="imagenet", show_default=True, help="imagenet, lite, or on a GPU timm:MODEL[@FILE].")
@click.option("--choose", is_flag=True, help="Choose backbone, size and share by rendered defects on the good pictures; slow.")
@click.option("--conductor", type=click.Choice(["dark", "light"]), help="Template of a board: whether copper is dark or light.")
@click.option("--tolerance", type=float, default=2.0, show_default=True, help="Template: pixels by which edges may move.")
@click.option("--regions", type=options.FILE, help="Logical: JSON list of regions with name, box or polygon, and count.")
@click.option("--seed", type=int, default=0, show_default=True)
@options.remote
@options.as_json
@click.pass_context
def command(
    ctx: click.Context,
    name: str,
    pictures: tuple[Path, ...],
    mode: Literal["patches", "template", "logical"],
    rate: float,
    group_by: str,
    size: int,
    native: bool,
    rotations: bool,
    fine: bool,
    cracks: bool,
    register: bool | None,
    backbone: str,
    choose: bool,
    conductor: Literal["dark", "light"] | None,
    tolerance: float,
    regions: Path | None,
    seed: int,
    url: str | None,
    as_json: bool,
) -> None:
    """Fit the inspector NAME on pictures of good parts; if it exists, as its next version.

    One picture is accepted, eight are usual, a hundred are good. Prints how often a good part will
    fail: the requested rate, what it stands on, and the smallest rate that so many parts allow.
    Folders are searched for pictures. No defective part is needed.
    """
    from mm.cli.inspection.fitting import FitOptions, Fitting
    from mm.cli.inspection.pictures import IMAGE_SUFFIXES, find_files, group_images
    from mm.cli.progress import open_progress
    from mm.settings import load_settings

    _require_options_of(ctx, mode)
    images = group_images(find_files(pictures, IMAGE_SUFFIXES), group_by)
    chosen = FitOptions(
        mode,
        rate,
        None if native else size,
        rotations,
        register,
        backbone,
        choose,
        conductor,
        tolerance,
        regions,
        seed,
        fine,
        cracks,
    )
    if url is not None:
        _fit_remotely(url, name, images, chosen, as_json=as_json)
        return
    with open_progress() as progress, progress.task(name) as report:
        inspector = Fitting(load_settings(), report).fit(name, images, chosen)
    _print(inspector, chosen, as_json=as_json)


def _fit_remotely(url: str, name: str, images: Sequence[GoodImage], chosen: FitOptions, *, as_json: bool) -> None:
    from mm.cli.inspection.remote import RemoteInspecting
    from mm.cli.progress import open_progress
    from mm.embedded.connect import connect

    with connect(url) as client, open_progress() as progress:
        version, num_earlier = RemoteInspecting(client, progress).fit(name, images, chosen)
    if num_earlier:
        click.echo(f"note: the service also used {num_earlier} examples that the inspector had before.", err=True)
    if as_json:
        click.echo(json.dumps({"name": name, "mode": chosen.mode, **version.model_dump(mode="json")}))
        return
    click.echo(f"{name}\tversion {version.version}\t{chosen.describe(chosen.make_mode_settings())}")
    if version.threshold is not None:
        click.echo(version.threshold.statement)


def _require_options_of(ctx: click.Context, mode: str) -> None:
    """Raise `InvalidInput` for an option that the mode does not have, rather than ignore it."""
    from mm.errors import InvalidInput

    others = {
        "patches": (*OF_TEMPLATES, "regions"),
        "template": (*OF_PATCHES, "backbone", "regions"),
        "logical": (*OF_PATCHES, *OF_TEMPLATES),
    }[mode]
    given = [name for name in others if ctx.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE]
    if given:
        raise InvalidInput(f"The mode {mode} has no option --{given[0]}.")
    if mode == "logical" and ctx.params["regions"] is None:
        raise InvalidInput("The mode logical needs --regions, a JSON file that names what must be where.")


def _print(inspector: AnyInspector, chosen: FitOptions, *, as_json: bool) -> None:
    from mm.inspection.records import describe

    threshold = describe(inspector.threshold)
    if as_json:
        document = {
            "name": inspector.name,
            "version": inspector.version,
            "mode": inspector.mode,
            "settings": asdict(inspector.settings),
            "threshold": threshold.model_dump(mode="json"),
        }
        click.echo(json.dumps(document))
        return
    click.echo(f"{inspector.name}\tversion {inspector.version}\t{chosen.describe(inspector.settings)}")
    click.echo(threshold.statement)
