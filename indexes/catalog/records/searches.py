"""Values of saved searches and of their matches."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from mm.schemas import Band, Delivery

if TYPE_CHECKING:
    from collections.abc import Sequence

    from indexes.catalog.records.items import ItemRow


@dataclass(frozen=True, slots=True)
class Webhook:
    """Where matches are sent, and the secret of their signature."""

    url: str
    secret: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedSearchRow:
    """A saved search of the catalog."""

    id: str
    name: str
    query: str
    """The words and filters, as JSON."""
    band: Band
    webhook_url: str | None
    is_enabled: bool
    created_at: datetime
    num_matches: int
    """Matches whose items are not in the trash."""
    num_unread: int
    num_waiting: int
    """Matches that are still to be sent."""
    error: str
    """Why the last attempt to send failed; empty if it did not."""


@dataclass(frozen=True, slots=True)
class NewMatch:
    """An item that matches a saved search, with its best hit; times are seconds of the item."""

    item_id: str
    start: float
    end: float
    best_start: float
    best_end: float
    score: float
    band: Band


@dataclass(frozen=True, slots=True)
class MatchRow:
    """A match whose item is not in the trash."""

    pk: int
    item: ItemRow
    start: float
    end: float
    best_start: float
    best_end: float
    score: float
    band: Band
    matched_at: datetime
    is_read: bool
    delivery: Delivery


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Publications against which a saved search is to be evaluated."""

    search_pk: int
    name: str
    query: str
    band: Band
    position: tuple[str, int]
    """Space and sequence number up to which it is evaluated."""
    upto: int
    """Sequence number up to which it is evaluated afterwards."""
    item_ids: Sequence[str]


@dataclass(frozen=True, slots=True)
class DueMatch:
    """A match that is to be sent now, and the address."""

    match: MatchRow
    search_id: str
    search_name: str
    webhook: Webhook
    num_attempts: int
    """Earlier attempts."""
