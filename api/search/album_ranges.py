"""Restriction of a search to the time ranges of an album."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from indexes.catalog.records import AlbumRanges, ResultRow
    from indexes.search.hits import SearchHit

FACTOR = 4
"""Growth of the number of hits that are searched until enough of them are in the album."""


def search_album(search: Callable[[int], Sequence[SearchHit]], k: int, album: AlbumRanges) -> list[SearchHit]:
    """The best `k` hits of the items of an album that overlap what it contains of them.

    `search` returns the best hits of its items, as many as it is given. With the time ranges of an
    album, some of these are outside: then more are searched, until there are `k` or no more.
    """
    count = k
    while True:
        hits = search(count)
        inside = [part for hit in hits if (part := _remove_outside(hit, album)) is not None]
        if len(inside) >= k or len(hits) < count or not album.ranges:
            return inside[:k]
        count *= FACTOR


def overlaps(album: AlbumRanges, moment: SearchHit | ResultRow) -> bool:
    """Whether an album contains the item of a moment, or a time range that overlaps it."""
    ranges = album.ranges.get(moment.item_id, ())
    return moment.item_id in album.whole or any(start < moment.end and moment.start < end for start, end in ranges)


def _remove_outside(hit: SearchHit, album: AlbumRanges) -> SearchHit | None:
    """The hit without moments outside of the album; the best near-duplicate takes its place."""
    inside = [replace(match, near_duplicates=()) for match in (hit, *hit.near_duplicates) if overlaps(album, match)]
    return replace(inside[0], near_duplicates=tuple(inside[1:])) if inside else None
