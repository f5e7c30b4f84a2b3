"""Saved searches and the items that match them."""

from __future__ import annotations

from collections.abc import Sequence

from mm.client.paths import quote_id
from mm.client.responses import parse_body, read_body
from mm.client.steps import Flow, Send
from mm.schemas import (
    Band,
    Filters,
    MatchPage,
    NewSavedSearch,
    ReadMatches,
    SavedSearch,
    SavedSearchList,
    SavedSearchPatch,
    SearchWebhook,
)


def save(
    name: str,
    text: str | None = None,
    *,
    without: Sequence[str] = (),
    filters: Filters | None = None,
    band: Band = "likely",
    webhook: SearchWebhook | None = None,
) -> Flow[SavedSearch]:
    """Save a search: items that become searchable from now on are matched with it, each once.

    Raises `InvalidInput`, `Conflict` for a name in use, `Forbidden` for a webhook without the scope
    `admin`.
    """
    new = NewSavedSearch.model_construct(
        name=name, text=text, without=list(without), filters=filters or Filters(), band=band, webhook=webhook
    )
    return parse_body((yield from Send("POST", "/v1/searches", json=new.model_dump(mode="json"))), SavedSearch)


def list_all() -> Flow[list[SavedSearch]]:
    """List the saved searches with their numbers of matches, by name."""
    return parse_body((yield from Send("GET", "/v1/searches")), SavedSearchList).searches


def get(search_id: str) -> Flow[SavedSearch]:
    """Get a saved search. Raises `NotFound`."""
    return parse_body((yield from Send("GET", _path(search_id))), SavedSearch)


def edit(search_id: str, *, name: str | None = None, enabled: bool | None = None) -> Flow[SavedSearch]:
    """Rename, enable or disable a saved search; what is unset stays.

    Raises `NotFound`, `Conflict`, `InvalidInput`.
    """
    patch = SavedSearchPatch(name=name, enabled=enabled)
    return parse_body((yield from Send("PATCH", _path(search_id), json=patch.model_dump())), SavedSearch)


def delete(search_id: str) -> Flow[None]:
    """Delete a saved search and its matches; their items stay in the library. Raises `NotFound`."""
    read_body((yield from Send("DELETE", _path(search_id))))


def matches(search_id: str, *, offset: int = 0, limit: int = 50) -> Flow[MatchPage]:
    """List one page of the matches, latest first, without those of items in the trash.

    Raises `NotFound`.
    """
    params = {"offset": offset, "limit": limit}
    return parse_body((yield from Send("GET", f"{_path(search_id)}/matches", params=params)), MatchPage)


def mark_read(search_id: str, *, until: int | None = None) -> Flow[SavedSearch]:
    """Mark the matches up to an id as read, or all. Raises `NotFound`."""
    request = ReadMatches(until=until)
    return parse_body((yield from Send("POST", f"{_path(search_id)}/read", json=request.model_dump())), SavedSearch)


def _path(search_id: str) -> str:
    return f"/v1/searches/{quote_id(search_id)}"
