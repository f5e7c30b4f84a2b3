"""`mm add`: files and folders into the library."""

from __future__ import annotations

from pathlib import Path

import click

from mm.cli import options


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--tag", "tags", multiple=True, metavar="TAG", help="Tag of every item; may be given several times.")
@click.option("--wait/--no-wait", default=True, help="Return when everything can be searched; or as soon as it is sent.")
@options.service
@click.pass_context
def command(
    ctx: click.Context, paths: tuple[Path, ...], tags: tuple[str, ...], wait: bool, url: str | None, as_json: bool
) -> None:
    """Put files, and all files of folders, into the library; hidden files are left out.

    A file that is refused is told with the reason, and the exit code is 1. With --json, one line a
    file.
    """
    from mm.cli.batch_upload import BatchUpload
    from mm.cli.progress import open_progress
    from mm.embedded.connect import connect

    with connect(url) as client, open_progress() as progress:
        ingest = BatchUpload(client, list(tags), progress, as_json=as_json)
        ingest.send(paths)
        if wait:
            ingest.follow()
        else:
            ingest.print_sent()
    if ingest.failed:
        ctx.exit(1)
