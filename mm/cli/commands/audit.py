"""`mm audit`: the audit log."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from mm.cli import options

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from mm.client import Client
    from mm.schemas import AuditEntry

PAGE_SIZE = 500


@click.command()
@click.option("--action", metavar="ACTION", help="Only this action, for example item.delete.")
@click.option("--key", metavar="ID", help="Only changes of this API key (id), or of local, anonymous or worker.")
@click.option("--since", type=click.DateTime(), help="Only changes from this local time on.")
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True, help="Largest number of rows.")
@options.service
def command(action: str | None, key: str | None, since: datetime | None, limit: int, url: str | None, as_json: bool) -> None:
    """Show who added and deleted items, reindexed the library and changed keys, newest first.

    With --json one object per line, for an archive of the log. Where API keys are needed,
    MM_API_KEY must hold one with the scope admin.
    """
    from mm.cli.render import print_rows
    from mm.embedded.connect import connect

    with connect(url) as client:
        entries = list(_entries(client, action, key, None if since is None else since.astimezone(), limit))
    if as_json:
        for entry in entries:
            click.echo(entry.model_dump_json())
        return
    print_rows(("at", "actor", "address", "action", "subject", "detail"), [_row(entry) for entry in entries])


def _entries(client: Client, action: str | None, key: str | None, since: datetime | None, limit: int) -> Iterator[AuditEntry]:
    cursor: str | None = None
    while limit > 0:
        page = client.audit(action=action, key=key, since=since, limit=min(limit, PAGE_SIZE), cursor=cursor)
        yield from page.entries
        limit -= len(page.entries)
        cursor = page.next
        if cursor is None:
            return


def _row(entry: AuditEntry) -> tuple[str, ...]:
    from mm.embedded.terminal import clean

    at = f"{entry.at.astimezone():%Y-%m-%d %H:%M:%S}"
    detail = " ".join(f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in entry.detail.items())
    return at, entry.actor, entry.address, entry.action, clean(entry.subject), clean(detail)
