"""`mm watch`: upload what appears in a folder, or record a camera."""

from __future__ import annotations

from pathlib import Path

import click

from mm.cli import options


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
@options.service
@click.pass_context
def command(
    ctx: click.Context, source: str, tags: tuple[str, ...], once: bool, settle: float, url: str | None, as_json: bool
) -> None:
    """Upload the files that appear in the folder SOURCE and in its subfolders, once each.

    A file is sent when it no longer grows. Renamed and touched files, and copies of what was sent,
    are not sent again, also after a restart. No file is changed or deleted, and what is deleted
    from the folder stays in the library. Ctrl+C ends it; the next run continues.
    """
    from mm.cli.watching.folder import watch_folder

    ctx.exit(watch_folder(Path(source), tags, settle, once=once, url=url, as_json=as_json))
