"""`mm inspect export`: the records of a run in other formats."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mm.cli import options

if TYPE_CHECKING:
    from mm.cli.inspection.remote_runs import ServiceRun
    from mm.inspection.runs import Run


@click.command()
@click.argument("run", metavar="RUN")
@click.option("--format", "export_format", type=click.Choice(["coco", "csv", "mvtec", "png16", "overlay"]), required=True)
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path),
    help="File, or new folder for mvtec, png16 and overlay; without it a file is printed.",
)
@options.remote
def command(run: str, export_format: str, out: Path | None, url: str | None) -> None:
    """Export a run of `mm inspect run`: its id, or its folder; with --url, an inspection by its id.

    coco: regions as polygons and run lengths. csv: a row for each region with its sizes. mvtec:
    folders of images and masks as in MVTec AD. png16: heat maps with one scale for all. overlay:
    images beside the same with heat in colours, to look at.
    """
    from mm.cli.inspection.remote_runs import open_service_run
    from mm.embedded.connect import connect
    from mm.errors import Conflict, InvalidInput
    from mm.files import write_atomic
    from mm.inspection.exports.formats import SINGLE_FILE, export
    from mm.inspection.runs import open_run
    from mm.media import MediaReader
    from mm.settings import load_settings

    is_single = export_format in SINGLE_FILE
    if out is None and not is_single:
        raise InvalidInput(f"The format {export_format} has many files: name a new folder with --out.")
    if out is not None and out.exists() and (is_single is out.is_dir() or (out.is_dir() and any(out.iterdir()))):
        raise Conflict(f"{out} is a {'folder' if out.is_dir() else 'file'}, or holds files. Choose another name.")
    settings, count = load_settings(), 0
    with ExitStack() as stack:
        reader = stack.enter_context(MediaReader.from_settings(settings))
        opened: Run | ServiceRun
        if url is None:
            opened = open_run(settings.root, run)
        else:
            opened = stack.enter_context(open_service_run(stack.enter_context(connect(url)), run))
        for file in export(export_format, opened.records, lambda record: opened.open_image(record, reader), opened.open_heat):
            count += 1
            if is_single and out is None:
                click.echo(file.data, nl=False)
            elif out is not None:
                write_atomic(out if is_single else out / file.name, file.data, durable=False)
    if out is not None:
        click.echo(f"{count} {'file' if count == 1 else 'files'} in {out}", err=True)
