"""`mm inspect run`: inspect images and videos."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mm.cli import options

if TYPE_CHECKING:
    from mm.cli.inspection.remote import RemoteRun
    from mm.cli.inspection.running import NamedScale
    from mm.inspection.inspector_file import AnyInspector
    from mm.inspection.runs import RunInfo
    from mm.schemas import InspectionRecord
    from mm.settings import Settings

FAILED, UNDECIDED = 3, 4
"""Exit codes: a part failed; none failed, but one is undecided. 1 is an error, 2 a wrong option."""


@click.command()
@click.argument("name")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILES|FOLDER...")
@click.option("--scale", metavar="NAME", help="Scale record for sizes in millimetres; without one they are in pixels.")
@click.option("--out", type=options.NEW_FOLDER, help="Folder of the run; default: MM_HOME/inspections/ID.")
@click.option("--rate", type=float, help="Share of good parts that may fail; default: that of the fit.")
@click.option("--version", type=int, help="Version of the inspector; default: the current one.")
@click.option("--fps", type=click.FloatRange(0, min_open=True), default=1.0, show_default=True, help="Frames of videos a second.")
@options.remote
@options.as_json
@click.pass_context
def command(
    ctx: click.Context,
    name: str,
    files: tuple[Path, ...],
    scale: str | None,
    out: Path | None,
    rate: float | None,
    version: int | None,
    fps: float,
    url: str | None,
    as_json: bool,
) -> None:
    """Inspect images, frames of videos, and those of folders, with the inspector NAME.

    Prints one line for each image or frame, sorted by p-value: the share of good parts that look at
    least as unusual. Writes a folder with records and heat maps, which `mm inspect report` and
    `export` use.

    Exit codes: 0 all pass; 3 a part failed; 4 none failed, but one is undecided; 1 an error, also
    when only some files could not be read.
    """
    from mm.cli.inspection.pictures import IMAGE_SUFFIXES, VIDEO_SUFFIXES, find_files
    from mm.cli.inspection.running import Running
    from mm.cli.inspector_choice import open_inspector
    from mm.cli.progress import open_progress
    from mm.errors import InvalidInput
    from mm.inspection.runs import FOLDER, RunWriter
    from mm.media import MediaReader
    from mm.settings import load_settings

    paths = find_files(files, IMAGE_SUFFIXES | VIDEO_SUFFIXES)
    if url is not None:
        if out is not None:
            raise InvalidInput("A service stores its inspections itself: --out is for runs without --url.")
        remote = _run_remotely(url, name, paths, version=version, scale=scale, rate=rate, fps=fps)
        _print(remote.records, remote.errors, remote.run_id, remote.inspector, remote.version, None, as_json=as_json)
        ctx.exit(_choose_exit_code(remote.records, remote.errors))
    settings = load_settings()
    named_scale = _load_scale(scale, settings)
    inspector = open_inspector(name, settings, version)
    if rate is not None:
        inspector = inspector.with_rate(rate)
    info = _describe_run(inspector, scale)
    folder = out or settings.root / FOLDER / info.id
    with RunWriter(folder, info) as writer, MediaReader.from_settings(settings) as reader, open_progress() as progress:
        records, errors = Running(inspector, reader, named_scale, fps).run(paths, writer, progress)
    _print(records, errors, info.id, info.inspector, info.version, folder, as_json=as_json)
    ctx.exit(_choose_exit_code(records, errors))


def _run_remotely(
    url: str, name: str, paths: list[Path], *, version: int | None, scale: str | None, rate: float | None, fps: float
) -> RemoteRun:
    from mm.cli.inspection.remote import RemoteInspecting
    from mm.cli.progress import open_progress
    from mm.embedded.connect import connect

    with connect(url) as client, open_progress() as progress:
        return RemoteInspecting(client, progress).run(name, paths, version=version, scale=scale, rate=rate, fps=fps)


def _print(
    records: list[InspectionRecord],
    errors: list[str],
    run_id: str,
    inspector: str,
    version: int,
    folder: Path | None,
    *,
    as_json: bool,
) -> None:
    from mm.cli.inspection.table import count_verdicts, print_records, sort_records
    from mm.embedded.terminal import clean

    counts = count_verdicts(records)
    if as_json:
        document = {
            "run": run_id,
            "folder": None if folder is None else str(folder),
            "inspector": inspector,
            "version": version,
            "counts": counts,
            "errors": errors,
            "records": [record.model_dump(mode="json") for record in sort_records(records)],
        }
        click.echo(json.dumps(document))
        return
    print_records(records)
    for error in errors:
        click.echo(clean(error), err=True)
    click.echo(", ".join(f"{count} {verdict}" for verdict, count in counts.items()) + f"; run {folder or run_id}", err=True)


def _choose_exit_code(records: list[InspectionRecord], errors: list[str]) -> int:
    verdicts = {record.verdict for record in records}
    if errors:
        return 1
    return FAILED if "fail" in verdicts else UNDECIDED if "undecided" in verdicts else 0


def _describe_run(inspector: AnyInspector, scale: str | None) -> RunInfo:
    from mm.cli.inspection.settings_table import describe_settings
    from mm.inspection.records import describe
    from mm.inspection.runs import RunInfo, make_run_id

    return RunInfo(
        id=make_run_id(inspector.name),
        inspector=inspector.name,
        version=inspector.version,
        created=datetime.now(UTC),
        scale=scale,
        settings=describe_settings(inspector),
        threshold=describe(inspector.threshold),
    )


def _load_scale(name: str | None, settings: Settings) -> NamedScale | None:
    from mm.cli.inspection.running import NamedScale
    from mm.metrology.store import ScaleStore

    return None if name is None else NamedScale(name, ScaleStore(settings.root).load(name))
