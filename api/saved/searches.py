"""Saved searches: saved, changed, deleted and listed with their matches."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from api.curation.albums import check_title
from api.metadata import shows_metadata
from api.request_context import current_actor, current_client
from api.search.execute import validate
from api.search.request import SearchInput
from api.serializers import THUMBNAIL_POSITION, serialize_item
from indexes.catalog.records import Webhook
from mm.errors import Forbidden, InvalidInput
from mm.schemas import MatchPage, SavedMatch, SavedQuery, SavedSearch, SavedSearchList, SearchRequest
from mm.webhooks.sender import check_address
from mm.webhooks.signing import parse_secret

if TYPE_CHECKING:
    from api.spaces.manager import SpaceManager
    from indexes import Store
    from indexes.catalog.records import MatchRow, SavedSearchRow
    from mm.schemas import NewSavedSearch, ReadMatches, SavedSearchPatch, SearchWebhook


class SavedSearches:
    """Changes and lists saved searches. Safe to use from several threads.

    Methods raise `NotFound` for an unknown search.
    """

    def __init__(self, store: Store, spaces: SpaceManager) -> None:
        self._catalog = store.catalog
        self._settings = store.settings
        self._spaces = spaces

    def save(self, new: NewSavedSearch) -> SavedSearch:
        """Save a search.

        Raises `InvalidInput`, `TooLarge`, `Conflict` for a name in use, and `Forbidden` for a
        webhook with a key that does not have the scope `admin`.
        """
        query = SavedQuery(text=new.text, without=new.without, filters=new.filters)
        if new.filters.items or new.filters.album or new.filters.inspection is not None:
            raise InvalidInput("A saved search looks at new items: it has no filter `items`, `album` or `inspection`.")
        validate(SearchInput(make_request(query)), self._settings)
        self._catalog.select_items(new.filters)  # raises for filters that no search takes
        row = self._catalog.create_saved_search(
            check_title(new.name),
            query.model_dump_json(exclude_defaults=True),
            new.band,
            self._spaces.current.space.id,
            None if new.webhook is None else _check_webhook(new.webhook),
            current_actor(),
        )
        return serialize_search(row)

    def list(self) -> SavedSearchList:
        """List all saved searches, by name."""
        return SavedSearchList(searches=[serialize_search(row) for row in self._catalog.list_saved_searches()])

    def get(self, search_id: str) -> SavedSearch:
        """Return a saved search."""
        return serialize_search(self._catalog.get_saved_search(search_id))

    def edit(self, search_id: str, patch: SavedSearchPatch) -> SavedSearch:
        """Rename, enable or disable a search. Raises `InvalidInput`, `Conflict`."""
        name = None if patch.name is None else check_title(patch.name)
        return serialize_search(
            self._catalog.edit_saved_search(search_id, name=name, is_enabled=patch.enabled, by=current_actor())
        )

    def delete(self, search_id: str) -> None:
        """Delete a search and its matches; their items stay in the library."""
        self._catalog.delete_saved_search(search_id, current_actor())

    def list_matches(self, search_id: str, offset: int, limit: int) -> MatchPage:
        """Return one page of the matches, latest first."""
        rows, total = self._catalog.list_matches(search_id, offset, limit)
        metadata = shows_metadata(self._settings)
        return MatchPage(matches=[serialize_match(row, metadata=metadata) for row in rows], total=total)

    def mark_read(self, search_id: str, request: ReadMatches) -> SavedSearch:
        """Mark matches as read."""
        return serialize_search(self._catalog.mark_matches_read(search_id, request.until))


def make_request(query: SavedQuery, k: int = 1) -> SearchRequest:
    """The search of a saved one."""
    return SearchRequest(text=query.text, without=query.without, filters=query.filters, k=k, fold=False)


def serialize_search(row: SavedSearchRow) -> SavedSearch:
    """Convert a saved search of the catalog."""
    return SavedSearch(
        id=row.id,
        name=row.name,
        query=SavedQuery.model_validate_json(row.query),
        band=row.band,
        enabled=row.is_enabled,
        webhook=None if row.webhook_url is None else urlsplit(row.webhook_url).hostname,
        matches=row.num_matches,
        unread=row.num_unread,
        waiting=row.num_waiting,
        error=row.error,
        created_at=row.created_at,
    )


def serialize_match(row: MatchRow, *, metadata: bool) -> SavedMatch:
    """Convert a match of the catalog; `metadata` as for `serialize_item`."""
    share = 0.0 if row.item.kind == "audio" else THUMBNAIL_POSITION
    time = row.best_start + share * (row.best_end - row.best_start)
    return SavedMatch(
        id=row.pk,
        item=serialize_item(row.item, metadata=metadata),
        start=row.start,
        end=row.end,
        best_start=row.best_start,
        best_end=row.best_end,
        score=row.score,
        band=row.band,
        matched_at=row.matched_at,
        read=row.is_read,
        delivery=row.delivery,
        thumbnail=f"/v1/media/{row.item.id}/thumbnail?t={time:.3f}",
    )


def _check_webhook(webhook: SearchWebhook) -> Webhook:
    """Raises `Forbidden`, `InvalidInput`."""
    key = current_client().key
    if key is not None and not key.allows("admin"):
        raise Forbidden("A webhook connects to an address in the network of the service: it needs a key with the scope admin.")
    check_address(webhook.url)
    parse_secret(webhook.secret)
    return Webhook(webhook.url, webhook.secret)
