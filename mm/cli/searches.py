"""Saved searches on the command line: found by name, and printed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from mm.cli.format import format_score, format_span
from mm.cli.render import print_rows
from mm.embedded.terminal import clean
from mm.errors import NotFound

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mm.client import Client
    from mm.schemas import SavedMatch, SavedSearch


def find_search(client: Client, name: str) -> SavedSearch:
    """Return the saved search with this id or name. Raises `NotFound`."""
    for search in client.searches.list():
        if name in {search.id, search.name}:
            return search
    raise NotFound(f"There is no saved search {name!r:.80}; `mm searches` lists all.")


def print_searches(searches: Sequence[SavedSearch]) -> None:
    """Print a line for each search, and why a webhook did not accept a match."""
    rows = [
        (
            clean(search.name),
            clean(search.query.text or ""),
            search.band if search.enabled else "disabled",
            f"{search.unread:,}",
            f"{search.matches:,}",
            "" if search.webhook is None else f"{clean(search.webhook)}, {search.waiting:,} waiting",
            search.id,
        )
        for search in searches
    ]
    print_rows(("search", "text", "band", "unread", "matches", "webhook", "id"), rows)
    for search in searches:
        if search.error:
            click.echo(f"{clean(search.name)}: {clean(search.error)}", err=True)


def print_matches(search: SavedSearch, matches: Sequence[SavedMatch]) -> None:
    """Print matches, and how many are unread."""
    rows = [
        (
            str(match.id),
            "" if match.read else "new",
            f"{match.matched_at.astimezone():%Y-%m-%d %H:%M}",
            match.band,
            format_score(match.score),
            clean(match.item.name),
            format_span(match.start, match.end, match.item.duration),
            match.item.id,
        )
        for match in matches
    ]
    print_rows(("match", "", "matched", "band", "score", "name", "part", "item"), rows)
    click.echo(f"{clean(search.name)}: {search.unread:,} of {search.matches:,} matches unread.", err=True)
