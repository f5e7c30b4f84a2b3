"""`mm add`: upload files and folders."""

from __future__ import annotations

from pathlib import Path

import click

from mm.cli import options


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--tag", "tags", multiple=True, metavar="TAG", help="Tag of every item; repeatable.")
@click.option("--wait/--no-wait", default=True, help="Whether to wait until all files can be searched.")
@options.service
@click.pass_context
def command(
    ctx: click.Context, paths: tuple[Path, ...], tags: tuple[str, ...], wait: bool, url: str | None, as_json: bool
) -> None:
    """Upload files, and all files of folders except hidden ones.

    A refused file is printed with the reason, and the exit code is 1. With --json, one line per
    file.
    """
    from mm.cli.batch_upload import BatchUpload
    from mm.cli.progress import open_progress
    from mm.embedded.connect import connect

    with connect(url) as client, open_progress() as progress:
        batch = BatchUpload(client, list(tags), progress, as_json=as_json)
        batch.send(paths)
        if wait:
            batch.wait()
        else:
            batch.print_sent()
    if batch.num_failed:
        ctx.exit(1)
