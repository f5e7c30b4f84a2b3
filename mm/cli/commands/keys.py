"""`mm keys`: API keys, in a file in MM_HOME that a running service rereads, and sessions."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from mm.cli import options

if TYPE_CHECKING:
    from mm.keys import KeyFile, Scope


@click.group()
def command() -> None:
    """Manage API keys and browser sessions."""


@command.command()
@click.argument("name")
@click.option(
    "--scope",
    type=click.Choice(["read", "write", "admin"]),
    default="write",
    show_default=True,
    help="read: search and browse; write: also upload, cancel and delete; admin: also import folders of the server, change the "
    "space and read the audit log.",
)
@options.as_json
def add(name: str, scope: Scope, as_json: bool) -> None:
    """Create an API key and print it once; only its hash is stored."""
    key, secret = _keys().add(name, scope)
    if as_json:
        click.echo(json.dumps({"id": key.id, "name": key.name, "scope": key.scope, "key": secret}))
        return
    click.echo(secret)
    click.echo(f"API key {name!r} with the scope {scope}. Store it now: it cannot be shown again.", err=True)


@command.command("list")
@options.as_json
def list_keys(as_json: bool) -> None:
    """List the API keys, without their secrets."""
    keys = _keys().all()
    if as_json:
        click.echo(f"[{','.join(key.model_dump_json(exclude={'sha256'}) for key in keys)}]")
        return
    for key in keys:
        click.echo(f"{key.id}\t{key.name}\t{key.scope}\t{key.created_at:%Y-%m-%d %H:%M}")


@command.command()
@click.argument("which", metavar="NAME")
def revoke(which: str) -> None:
    """Revoke an API key by name or id. Its sessions and its running requests end at once."""
    key = _keys().revoke(which)
    click.echo(f"The key {key.name!r} is revoked.", err=True)


@command.command("sessions")
@options.service
def list_sessions(url: str | None, as_json: bool) -> None:
    """List the browser sessions.

    Where API keys are needed, MM_API_KEY must hold one with the scope admin.
    """
    from mm.cli.render import print_rows
    from mm.embedded.connect import connect

    with connect(url) as client:
        sessions = client.sessions()
    if as_json:
        click.echo(f"[{','.join(session.model_dump_json() for session in sessions)}]")
        return
    times = [
        (f"{session.created_at.astimezone():%Y-%m-%d %H:%M}", f"{session.expires_at.astimezone():%Y-%m-%d %H:%M}")
        for session in sessions
    ]
    rows = [(session.id, session.name, *pair) for session, pair in zip(sessions, times, strict=True)]
    print_rows(("session", "key", "since", "until"), rows)


@command.command("end-session")
@click.argument("session_id", metavar="SESSION")
@options.service
def end_session(session_id: str, url: str | None, as_json: bool) -> None:
    """End a browser session by the id that `mm keys sessions` shows."""
    from mm.embedded.connect import connect, print_status

    with connect(url) as client:
        client.end_session(session_id)
    if not as_json:
        print_status(f"The session {session_id} has ended.")


def _keys() -> KeyFile:
    from mm.keys import KeyFile
    from mm.settings import load_settings

    return KeyFile(load_settings().root)
