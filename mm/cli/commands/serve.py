"""`mm serve`: the service and its page, until it is told to stop."""

from __future__ import annotations

import click

from mm.cli.options import as_json


@click.command()
@click.option("--host", help="Address to listen on; default MM_HOST.")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on, 0 for a free one; default MM_PORT.")
@as_json
def command(host: str | None, port: int | None, as_json: bool) -> None:
    """Start broker, API and worker on the folder MM_HOME, print where the page is, and stay up
    until Ctrl+C or SIGTERM.

    A part that dies is started again. Logs are in MM_HOME/log. With --json, one line says where,
    once all of it works.
    """
    from mm.cli.keep_up import keep_up
    from mm.settings import load_settings

    given = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    keep_up(load_settings(**given), as_json=as_json)
