"""Searches of results of inspections: by a filter, by words about parts, and with a query."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from api.metadata import shows_metadata
from api.search.album_ranges import overlaps
from api.serializers import serialize_item
from indexes.catalog.records import ResultFilters
from mm.inspection.words import read_filter
from mm.schemas import Hit, InspectionFilter, InspectionMatch

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from api.search.request import SearchInput
    from api.service import Service
    from indexes.catalog.records import ResultRow
    from mm.schemas import Filters, InspectionRecord, RegionRecord

PAGE = 500
MAX_MATCHES = 20_000
"""Results that are compared with the hits of a query; those with the smallest p-values."""
UNKNOWN_KIND = "No region of a result has the kind '{}', so that it was left out. Kinds are: {}."
NO_KIND = "No region of a result has a kind, so that '{}' was left out."


def has_query(search: SearchInput) -> bool:
    """Whether a search has anything but filters."""
    request = search.request
    texts = [request.text or "", *request.also]
    return bool(any(text.strip() for text in texts) or search.files or request.like is not None)


def read_words(service: Service, search: SearchInput) -> tuple[SearchInput, InspectionFilter | None, list[str]]:
    """Replace a text about parts by the filter that it describes, if there are results.

    Returns the search, the filter that was read, and notes on what was left out.
    """
    request = search.request
    is_plain = not (search.files or request.like or request.also or request.without or request.filters.inspection)
    if not is_plain or (read_filter(request.text or "", ()) is None and not _may_name_a_kind(request.text)):
        return search, None, []
    kinds = service.store.catalog.list_defect_kinds()
    read = read_filter(request.text or "", kinds)
    if read is None or not service.store.catalog.list_results(ResultFilters(), 1)[0]:
        return search, None, []
    filters = request.filters.model_copy(update={"inspection": read.filter})
    notes = []
    if read.unknown_kind is not None:
        notes.append(UNKNOWN_KIND.format(read.unknown_kind, ", ".join(kinds)) if kinds else NO_KIND.format(read.unknown_kind))
    return replace(search, request=request.model_copy(update={"text": None, "filters": filters})), read.filter, notes


def list_verdicts(service: Service, filters: Filters, k: int) -> list[Hit]:
    """The first `k` results that match the filters, by ascending p-value."""
    hits: list[Hit] = []
    for row in iterate_results(service, filters):
        hit = _make_hit(service, row, filters)
        hits += [] if hit is None else [hit]
        if len(hits) == k:
            break
    return hits


def restrict(service: Service, filters: Filters) -> tuple[Filters, dict[str, list[ResultRow]]]:
    """Filters that allow only items with a matching result, and these results by item."""
    results: dict[str, list[ResultRow]] = {}
    for number, row in enumerate(iterate_results(service, filters)):
        results.setdefault(row.item_id, []).append(row)
        if number == MAX_MATCHES:
            break
    return filters.model_copy(update={"items": list(results)}), results


def match_hits(hits: Sequence[Hit], results: dict[str, list[ResultRow]], filters: Filters) -> list[Hit]:
    """The hits that overlap a matching result, each with the one of smallest p-value."""
    matched = []
    for hit in hits:
        row = next((row for row in results.get(hit.item.id, []) if _overlaps(hit, row)), None)
        if row is not None:
            matched.append(hit.model_copy(update={"inspection": _make_match(row, filters.inspection)}))
    return matched


def iterate_results(service: Service, filters: Filters) -> Iterator[ResultRow]:
    """Matching results by ascending p-value, of items that pass the other filters."""
    chosen = filters.inspection or InspectionFilter()
    values = chosen.model_dump(exclude={"inspection"})
    conditions = ResultFilters(run_id=chosen.inspection, **values)
    item_pks = service.store.catalog.select_items(filters)
    album = service.store.catalog.get_album_ranges(filters.album) if filters.album else None
    cursor: str | None = None
    while True:
        rows, _, cursor = service.store.catalog.list_results(conditions, PAGE, cursor)
        allowed = (row for row in rows if item_pks is None or row.item_pk in item_pks)
        yield from (row for row in allowed if album is None or overlaps(album, row))
        if cursor is None:
            return


def _may_name_a_kind(text: str | None) -> bool:
    """Whether a text may be one about parts with a kind of defect: then the kinds are read."""
    return text is not None and read_filter(f"{text.strip().rstrip('.?!')} longer than 1 mm", ()) is not None


def _overlaps(hit: Hit, row: ResultRow) -> bool:
    return row.item_kind == "image" or (row.start < hit.end and hit.start < row.end)


def _make_hit(service: Service, row: ResultRow, filters: Filters) -> Hit | None:
    item = service.store.catalog.get_item(row.item_id)
    if item is None:
        return None
    return Hit(
        item=serialize_item(item, metadata=shows_metadata(service.settings)),
        start=row.start,
        end=row.end,
        best_start=row.start,
        best_end=row.end,
        score=1.0,
        evidence=[],
        thumbnail=f"/v1/media/{item.id}/thumbnail?t={row.frame_time:.3f}",
        media=f"/v1/media/{item.id}/content",
        band="likely",
        inspection=_make_match(row, filters.inspection),
    )


def _make_match(row: ResultRow, chosen: InspectionFilter | None) -> InspectionMatch:
    region = _find_longest(row.record, chosen or InspectionFilter())
    return InspectionMatch(
        inspection_id=row.run_id,
        result_id=row.id,
        inspector=row.record.inspector,
        version=row.record.version,
        verdict=row.record.verdict,
        p_value=row.p_value,
        kind=None if region is None else region.kind,
        length_mm=None if region is None else _length_mm(region),
    )


def _find_longest(record: InspectionRecord, chosen: InspectionFilter) -> RegionRecord | None:
    regions = [region for region in record.regions if chosen.kind is None or (region.kind or "").lower() == chosen.kind.lower()]
    if chosen.max_length_mm is not None:
        regions = [region for region in regions if (_length_mm(region) or 0.0) <= chosen.max_length_mm]
    return max(regions, key=lambda region: _length_mm(region) or 0.0, default=None)


def _length_mm(region: RegionRecord) -> float | None:
    if region.measures is None or region.measures.length.unit != "mm":
        return None
    return region.measures.length.value
