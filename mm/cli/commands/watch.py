"""`mm watch`: upload what appears in a folder, or record a camera."""

from __future__ import annotations

from pathlib import Path

import click

from mm.cli import options
from mm.cli.watching.amounts import BYTES_AMOUNT, DURATION

FOLDER_OPTIONS, STREAM_OPTIONS = ("once", "settle"), ("name", "chunk", "keep", "keep_size", "spool", "gaps")


@click.command()
@click.argument("source", metavar="SOURCE")
@click.option("--tag", "tags", multiple=True, metavar="TAG", help="Tag of every item; repeatable.")
@click.option("--once", is_flag=True, help="End when the files that are in the folder now can be searched.")
@click.option(
    "--settle",
    type=click.FloatRange(0.1, 3600),
    default=3.0,
    show_default=True,
    help="Seconds without a change after which a file is complete.",
)
@click.option("--name", metavar="NAME", help="Name of the stream; its chunks have the tag stream:NAME. Default: the host.")
@click.option("--chunk", type=click.FloatRange(5, 600), default=60.0, show_default=True, help="Seconds of a stream in one item.")
@click.option("--keep", type=DURATION, metavar="TIME", help="Delete chunks of the stream from the library after this time: 7d.")
@click.option("--keep-size", type=BYTES_AMOUNT, metavar="SIZE", help="Delete its oldest chunks over this size: 50GB.")
@click.option(
    "--spool",
    type=BYTES_AMOUNT,
    default="5GB",
    show_default=True,
    metavar="SIZE",
    help="Space of chunks that wait for the service.",
)
@click.option("--gaps", is_flag=True, help="Print the recorded times and the gaps of the stream, and end.")
@options.service
@click.pass_context
def command(
    ctx: click.Context,
    source: str,
    tags: tuple[str, ...],
    once: bool,
    settle: float,
    name: str | None,
    chunk: float,
    keep: float | None,
    keep_size: int | None,
    spool: int,
    gaps: bool,
    url: str | None,
    as_json: bool,
) -> None:
    """Upload the files that appear in the folder SOURCE and in its subfolders, once each.

    A file is sent when it no longer grows. Renamed and touched files, and copies of what was sent,
    are not sent again, also after a restart. No file is changed or deleted, and what is deleted
    from the folder stays in the library. Ctrl+C ends it; the next run continues.

    If SOURCE is rtsp://USER:PASSWORD@HOST:PORT/PATH, record the camera in chunks of a minute, which
    are items with the time at which they begin. Nothing is deleted without --keep or --keep-size.
    """
    from mm.line.open import CAMERA_SCHEMES

    if not source.startswith(CAMERA_SCHEMES):
        from mm.cli.watching.folder import watch_folder

        _refuse(ctx, STREAM_OPTIONS, "is for a stream; SOURCE is a folder.", source)
        ctx.exit(watch_folder(Path(source), tags, settle, once=once, url=url, as_json=as_json))
    from mm.cli.watching.stream import print_stream, stream_name, watch_stream
    from mm.watch.stream.ring import Retention

    _refuse(ctx, FOLDER_OPTIONS, "is for a folder; SOURCE is a stream.", source)
    chosen = stream_name(source, name)
    if gaps:
        print_stream(source, chosen, url=url, as_json=as_json)
    else:
        watch_stream(source, chosen, tags, chunk, Retention(keep, keep_size), spool, url=url, as_json=as_json)


def _refuse(ctx: click.Context, names: tuple[str, ...], reason: str, source: str) -> None:
    """Refuse options of the other kind of source, and addresses that are neither."""
    from click.core import ParameterSource

    from mm.errors import InvalidInput

    if "://" in source and not source.startswith(("rtsp://", "rtsps://")):
        raise InvalidInput("A source is a folder, or an address that begins with rtsp:// or rtsps://.")
    for name in names:
        if ctx.get_parameter_source(name) == ParameterSource.COMMANDLINE:
            raise InvalidInput(f"--{name.replace('_', '-')} {reason}")
