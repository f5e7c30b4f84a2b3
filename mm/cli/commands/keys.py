"""`mm keys`: who may come in. Works on the file in MM_HOME; a running service follows at once."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from mm.cli import options

if TYPE_CHECKING:
    from mm.keys import KeyFile, Scope


@click.group()
def command() -> None:
    """Keys that let programs and people in."""


@command.command()
@click.argument("name")
@click.option(
    "--scope",
    type=click.Choice(["read", "write", "admin"]),
    default="write",
    show_default=True,
    help="read: ask and look; write: also upload, cancel and delete; admin: also import folders of the server, change the space "
    "and read the audit log.",
)
@options.as_json
def add(name: str, scope: Scope, as_json: bool) -> None:
    """Make a key and print it, once: nothing but its hash is kept."""
    key, secret = _keys().add(name, scope)
    if as_json:
        click.echo(json.dumps({"id": key.id, "name": key.name, "scope": key.scope, "key": secret}))
        return
    click.echo(secret)
    click.echo(f"This is the key {name!r}, which may {scope}. Keep it: it cannot be shown again.", err=True)


@command.command("list")
@options.as_json
def list_keys(as_json: bool) -> None:
    """List the keys, without what opens the door."""
    keys = _keys().all()
    if as_json:
        click.echo(f"[{','.join(key.model_dump_json(exclude={'sha256'}) for key in keys)}]")
        return
    for key in keys:
        click.echo(f"{key.id}\t{key.name}\t{key.scope}\t{key.created_at:%Y-%m-%d %H:%M}")


@command.command()
@click.argument("which", metavar="NAME")
def revoke(which: str) -> None:
    """Remove a key by its name or id. Its sessions and the requests that run with it end at
    once."""
    key = _keys().revoke(which)
    click.echo(f"The key {key.name!r} is revoked.", err=True)


@command.command()
@options.service
def sessions(url: str | None, as_json: bool) -> None:
    """List the browsers that are signed in. Where keys are needed, MM_API_KEY must hold one with
    the scope admin."""
    from mm.cli.render import print_rows
    from mm.embedded.connect import connect

    with connect(url) as client:
        found = client.sessions()
    if as_json:
        click.echo(f"[{','.join(one.model_dump_json() for one in found)}]")
        return
    times = [(f"{one.created_at.astimezone():%Y-%m-%d %H:%M}", f"{one.expires_at.astimezone():%Y-%m-%d %H:%M}") for one in found]
    rows = [(one.id, one.name, *pair) for one, pair in zip(found, times, strict=True)]
    print_rows(("session", "key", "since", "until"), rows)


@command.command("end-session")
@click.argument("session_id", metavar="SESSION")
@options.service
def end_session(session_id: str, url: str | None, as_json: bool) -> None:
    """Sign a browser out by the id that `mm keys sessions` shows."""
    from mm.embedded.connect import connect, print_status

    with connect(url) as client:
        client.end_session(session_id)
    if not as_json:
        print_status(f"The session {session_id} has ended.")


def _keys() -> KeyFile:
    from mm.keys import KeyFile
    from mm.settings import load_settings

    return KeyFile(load_settings().root)
