"""Saved searches: words and filters that are evaluated against items that become searchable."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from mm.schemas.base import Model
from mm.schemas.media import Item
from mm.schemas.search import Band, Filters

Delivery = Literal["none", "waiting", "sent", "refused"]
"""Whether a match was sent to the webhook; `none` without one."""


class SavedQuery(Model):
    """The words and filters of a saved search."""

    text: str | None = None
    without: list[str] = Field(
        default=[], max_length=8, description="Texts that describe what must be neither visible nor spoken, as in a search."
    )
    filters: Filters = Field(default=Filters(), description="Without `items`, `album` and `inspection`.")


class SearchWebhook(Model):
    """The receiver of the matches of a saved search."""

    url: str = Field(max_length=2000, description="http or https. Redirects are not followed.")
    secret: str = Field(
        max_length=200, description="Of the signature: `whsec_` and at least 16 bytes in base64. No response contains it."
    )


class NewSavedSearch(SavedQuery):
    """A search to be saved."""

    name: str = Field(description="Unique among the saved searches.")
    band: Band = Field("likely", description="Least band of a match.")
    webhook: SearchWebhook | None = Field(None, description="Needs a key with the scope `admin`, if the service needs keys.")


class SavedSearchPatch(Model):
    """A change of a saved search. What is unset stays."""

    name: str | None = None
    enabled: bool | None = Field(None, description="A search that is enabled again starts with items that follow.")


class SavedSearch(Model):
    """A saved search with the numbers of its matches."""

    id: str
    name: str
    query: SavedQuery
    band: Band
    enabled: bool
    webhook: str | None = Field(None, description="Host of the webhook; null without one.")
    matches: int = Field(ge=0, description="Number of items that matched and are not in the trash.")
    unread: int = Field(ge=0)
    waiting: int = Field(ge=0, description="Number of matches that are still to be sent to the webhook.")
    error: str = Field(description="Why the last attempt to send failed; empty if it did not.")
    created_at: datetime


class SavedSearchList(Model):
    """All saved searches, by name."""

    searches: list[SavedSearch]


class SavedMatch(Model):
    """An item that matched a saved search, with its best moment."""

    id: int
    item: Item
    start: float
    end: float
    best_start: float = Field(description="Start of the best-scoring segment, where a player should seek.")
    best_end: float
    score: float = Field(ge=0, le=1)
    band: Band
    matched_at: datetime
    read: bool
    delivery: Delivery
    thumbnail: str = Field(description="Path of a thumbnail, relative to the address of the service.")


class MatchPage(Model):
    """Matches, latest first; those of items in the trash are left out."""

    matches: list[SavedMatch]
    total: int = Field(ge=0)


class ReadMatches(Model):
    """Matches to be marked as read."""

    until: int | None = Field(
        None, ge=0, lt=2**63, description="Id of the latest match that is marked, with all earlier ones; unset marks all."
    )
