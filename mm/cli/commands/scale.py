"""`mm scale`: scale records, how many millimetres a pixel is, of `MM_HOME/scales` or a service."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mm.cli import options

if TYPE_CHECKING:
    from mm.metrology.scale import Scale
    from mm.metrology.store import ScaleStore
    from mm.schemas import ScaleInfo

OPTION_NAMES = {"tilt_degrees": "tilt-degrees", "blur_px": "blur-px", "is_replacement": "replace"}


class _Point(click.ParamType[tuple[float, float]]):
    """X,Y in pixels."""

    name = "point"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[float, float]:
        if match := re.fullmatch(r"(-?\d+(?:\.\d+)?),(-?\d+(?:\.\d+)?)", str(value)):
            return float(match[1]), float(match[2])
        self.fail(f"{value!r} is not a point; write X,Y in pixels, as in 120.5,64.", param, ctx)


POINT = _Point()


class _Squares(click.ParamType[tuple[int, int]]):
    """COLUMNSxROWS."""

    name = "squares"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        if match := re.fullmatch(r"(\d{1,3})x(\d{1,3})", str(value)):
            return int(match[1]), int(match[2])
        self.fail(f"{value!r} is not a number of squares; write COLUMNSxROWS, as in 10x7.", param, ctx)


SQUARES = _Squares()


@click.group()
def command() -> None:
    """Manage scale records, which turn pixels into millimetres."""


@command.command()
@click.argument("name")
@click.option("--length-mm", type=float, help="A known length between --from and --to.")
@click.option("--from", "start", type=POINT, metavar="X,Y", help="Start of the known length, in pixels.")
@click.option("--to", "end", type=POINT, metavar="X,Y", help="End of the known length, in pixels.")
@click.option(
    "--length-uncertainty-mm", type=float, default=0.0, show_default=True, help="Standard uncertainty of the known length."
)
@click.option(
    "--point-uncertainty-px", type=float, default=0.5, show_default=True, help="Standard uncertainty of each point, in pixels."
)
@click.option("--board", "images", multiple=True, type=options.FILE, help="Image of a calibration board; repeatable.")
@click.option("--squares", type=SQUARES, metavar="COLUMNSxROWS", help="Number of squares of the board.")
@click.option("--square-mm", type=float, help="Side of a square of the board.")
@click.option("--marker-mm", type=float, help="Side of a marker; the board is then a ChArUco board.")
@click.option("--dictionary", default="DICT_4X4_50", show_default=True, help="Dictionary of the markers.")
@click.option("--dicom", type=options.FILE, help="DICOM ultrasound file whose regions state their spacing.")
@click.option("--region", type=click.IntRange(1), default=1, show_default=True, help="Which of its regions with a spacing.")
@click.option("--area", multiple=True, type=POINT, metavar="X,Y", help="Corner of the area where the scale holds; repeatable.")
@click.option("--tilt-degrees", type=float, default=0.0, show_default=True, help="Largest tilt of a measured surface.")
@click.option("--blur-px", type=float, help="Blur of the image, as a standard deviation; a board measures it.")
@click.option("--replace", "is_replacement", is_flag=True, help="Replace a scale of this name.")
@options.remote
@options.as_json
@click.pass_context
def add(
    ctx: click.Context,
    name: str,
    length_mm: float | None,
    start: tuple[float, float] | None,
    end: tuple[float, float] | None,
    length_uncertainty_mm: float,
    point_uncertainty_px: float,
    images: tuple[Path, ...],
    squares: tuple[int, int] | None,
    square_mm: float | None,
    marker_mm: float | None,
    dictionary: str,
    dicom: Path | None,
    region: int,
    area: tuple[tuple[float, float], ...],
    tilt_degrees: float,
    blur_px: float | None,
    is_replacement: bool,
    url: str | None,
    as_json: bool,
) -> None:
    """Add the scale NAME, from a known length, images of a calibration board, or a DICOM file."""
    if bool(images) + (length_mm is not None) + (dicom is not None) != 1:
        raise click.UsageError("Use one of --length-mm with --from and --to, --board with --squares and --square-mm, or --dicom.")
    from mm.cli.inspection import scales

    known, board = None, None
    if length_mm is not None:
        if start is None or end is None:
            raise click.UsageError("--length-mm needs --from and --to.")
        known = scales.make_length(length_mm, start, end, length_uncertainty_mm, point_uncertainty_px)
    elif dicom is None:
        if squares is None or square_mm is None:
            raise click.UsageError("--board needs --squares and --square-mm.")
        board = scales.BoardOptions(images, squares, square_mm, marker_mm, dictionary)
    if url is not None:
        from mm.embedded.connect import connect

        with connect(url) as client:
            if dicom is not None:
                others = [name for name in ("area", "tilt_degrees", "blur_px", "is_replacement") if _is_given(ctx, name)]
                added = scales.add_remote_dicom_scale(
                    client, name, dicom, region, [OPTION_NAMES.get(name, name) for name in others]
                )
            else:
                added = scales.add_remote_scale(
                    client, name, length=known, board=board, area=area, tilt_degrees=tilt_degrees, blur_px=blur_px,
                    is_replacement=is_replacement,
                )  # fmt: skip
        click.echo(added.model_dump_json() if as_json else _describe(name, added))
        return
    scale = _read_dicom(dicom, region) if dicom is not None else scales.measure_scale(known, board)
    if area:
        scale = replace(scale, area=area)
    if blur_px is not None:
        scale = replace(scale, blur_px=blur_px)
    scale = replace(scale, tilt_degrees=tilt_degrees)
    _store().add(name, scale, replace=is_replacement)
    click.echo(_json(name, scale) if as_json else _describe(name, scale))


@command.command("list")
@options.remote
@options.as_json
def list_scales(url: str | None, as_json: bool) -> None:
    """List the scales."""
    if url is not None:
        from mm.embedded.connect import connect

        with connect(url) as client:
            added = client.scales.list()
        if as_json:
            click.echo(f"[{','.join(scale.model_dump_json() for scale in added)}]")
            return
        for scale in added:
            click.echo(_describe(scale.name, scale))
        return
    _list_stored(as_json=as_json)


def _list_stored(*, as_json: bool) -> None:
    store = _store()
    scales = [(name, store.load(name)) for name in store.names()]
    if as_json:
        click.echo(f"[{','.join(_json(name, scale) for name, scale in scales)}]")
        return
    for name, scale in scales:
        click.echo(_describe(name, scale))


@command.command()
@click.argument("name")
@options.remote
def rm(name: str, url: str | None) -> None:
    """Remove the scale NAME. Results that used it keep their values."""
    if url is None:
        _store().remove(name)
    else:
        from mm.embedded.connect import connect

        with connect(url) as client:
            client.scales.delete(name)
    click.echo(f"The scale {name!r} is removed.", err=True)


def _is_given(ctx: click.Context, name: str) -> bool:
    return ctx.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE


def _read_dicom(path: Path, number: int) -> Scale:
    from mm.media.dicom import DicomReader
    from mm.metrology.dicom import get_region_scale
    from mm.settings import load_settings

    with DicomReader.from_settings(load_settings()) as reader:
        return get_region_scale(reader.info(path, path.name).regions, number)


def _store() -> ScaleStore:
    from mm.metrology.store import ScaleStore
    from mm.settings import load_settings

    return ScaleStore(load_settings().root)


def _describe(name: str, scale: Scale | ScaleInfo) -> str:
    where = "the whole image" if scale.area is None else f"an area of {len(scale.area)} corners"
    expanded = 2 * scale.standard_uncertainty
    return f"{name}\t{scale.mm_per_px:.6g} ± {expanded:.2g} mm/px (k = 2)\t{scale.source}\t{where}"


def _json(name: str, scale: Scale) -> str:
    return json.dumps({"name": name, **asdict(scale)})
