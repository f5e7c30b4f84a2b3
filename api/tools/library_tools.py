"""Executes the tools of `mm.agent.tools` on the library."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from api.metadata import check_conditions
from api.scenes import shorten
from api.search.decode import DecodedFiles
from api.search.execute import run_search, validate
from api.search.request import SearchInput
from api.tools.items import find_item
from api.tools.scenes import describe_scenes
from indexes.catalog.records import BrowseFilters
from mm.agent.arguments import (
    CountArguments,
    DescribeArguments,
    LibraryArguments,
    SearchArguments,
    WhenArguments,
    parse_day,
    parse_local_day,
)
from mm.agent.results import Count, FoundEvidence, FoundMoment, ItemCount, ItemDescription, Moments
from mm.agent.tools import get_tool
from mm.schemas import Filters, Kind, SearchRequest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from api.limits.resources import Limits
    from api.service import Service
    from mm.schemas import Evidence, Hit, Model, SearchResponse

KINDS: tuple[Kind, ...] = ("image", "video", "audio")
MAX_COUNTED_ITEMS = 20
TEXT_CHARS = 300
"""Length at which the text of one piece of evidence is cut: assistants pay for each token."""


async def call_tool(service: Service, limits: Limits, client: str, name: str, arguments: Mapping[str, object]) -> Model:
    """Execute a tool in a slot for searches of `client`.

    Raises `NotFound`, `InvalidInput`, `TooLarge`, `TooMany`, `Unavailable`, `Corrupt`.
    """
    parsed = get_tool(name).parse(arguments)
    await service.towers.wait_async()
    return await limits.searches.run(client, _execute, service, parsed)


def _execute(service: Service, arguments: Model) -> Model:
    """Execute the tool of these arguments. Blocks."""
    match arguments:
        case SearchArguments():
            return _search(service, arguments)
        case WhenArguments():
            return _list_times(service, arguments)
        case CountArguments():
            return _count(service, arguments)
        case DescribeArguments():
            return _describe(service, arguments)
    raise AssertionError(f"No tool has the arguments {type(arguments).__name__}.")


def _search(service: Service, arguments: SearchArguments) -> Moments:
    response = _run_query(service, arguments, arguments.query, arguments.limit, without=arguments.without)
    return Moments(moments=[_moment(hit, response) for hit in response.hits], notes=response.notes)


def _list_times(service: Service, arguments: WhenArguments) -> Moments:
    """List likely moments, or possible ones if there are no others, in the order of time."""
    response = _run_query(service, arguments, arguments.query, service.settings.max_hits, merge=False)
    likely = [hit for hit in response.hits if hit.score >= response.likely_floor]
    hits = likely or list(response.hits)
    notes = list(response.notes)
    if len(hits) > arguments.limit:
        notes.append(f"{len(hits)} moments match; the best {arguments.limit} are listed.")
    ranks: dict[str, int] = {}
    for hit in hits:
        ranks.setdefault(hit.item.id, len(ranks))
    shown = sorted(hits[: arguments.limit], key=lambda hit: (ranks[hit.item.id], hit.start))
    return Moments(moments=[_moment(hit, response) for hit in shown], notes=notes)


def _count(service: Service, arguments: CountArguments) -> Count:
    if not arguments.query.strip():
        return _count_items(service, arguments)
    response = _run_query(service, arguments, arguments.query, service.settings.max_hits, merge=False)
    hits = [hit for hit in response.hits if hit.score >= response.likely_floor]
    items = {hit.item.id: hit.item for hit in hits}
    moments = {item_id: sum(hit.item.id == item_id for hit in hits) for item_id in items}
    ranked = sorted(items.values(), key=lambda item: -moments[item.id])[:MAX_COUNTED_ITEMS]
    return Count(
        items=len(items),
        moments=len(hits),
        by_kind=_present({kind: sum(item.kind == kind for item in items.values()) for kind in KINDS}),
        by_item=[ItemCount(item=item.id, name=item.name, moments=moments[item.id]) for item in ranked],
        is_complete=len(hits) < service.settings.max_hits,
    )


def _count_items(service: Service, arguments: LibraryArguments) -> Count:
    """Count the ready items that match the filters."""
    if arguments.item:
        item = find_item(service, arguments.item)
        return Count(items=1, by_kind={item.kind: 1})
    by_kind: dict[Kind, int] = {}
    for kind in arguments.kinds or KINDS:
        filters = BrowseFilters(
            kinds=[kind],
            tags=arguments.tags,
            status="ready",
            uploaded_after=parse_day(arguments.uploaded_after),
            uploaded_before=parse_day(arguments.uploaded_before),
            taken_after=parse_local_day(arguments.taken_after),
            taken_before=parse_local_day(arguments.taken_before),
            camera=arguments.camera,
            has_place=arguments.has_place,
            place=arguments.place,
        )
        check_conditions(service.settings, filters)
        by_kind[kind] = service.store.catalog.browse_items(filters, "newest", 0, 1)[1]
    return Count(items=sum(by_kind.values()), by_kind=_present(by_kind))


def _describe(service: Service, arguments: DescribeArguments) -> ItemDescription:
    item = find_item(service, arguments.item)
    scenes, next_start = describe_scenes(service, item.id, arguments.start, arguments.limit)
    return ItemDescription(
        item=item.id,
        name=item.name,
        kind=item.kind,
        duration=item.duration,
        uploaded=item.created_at,
        tags=list(item.tags),
        status=item.status,
        scenes=scenes,
        next=next_start,
    )


def _run_query(
    service: Service, arguments: LibraryArguments, text: str, k: int, *, without: Sequence[str] = (), merge: bool = True
) -> SearchResponse:
    """Search with the filters of the arguments, as `POST /v1/search` does."""
    filters = Filters(
        kinds=arguments.kinds,
        items=[find_item(service, arguments.item).id] if arguments.item else [],
        tags=arguments.tags,
        uploaded_after=parse_day(arguments.uploaded_after),
        uploaded_before=parse_day(arguments.uploaded_before),
        taken_after=parse_local_day(arguments.taken_after),
        taken_before=parse_local_day(arguments.taken_before),
        camera=arguments.camera or None,
        has_place=arguments.has_place,
        place=arguments.place or None,
    )
    request = SearchRequest(text=text, without=list(without), k=min(k, service.settings.max_hits), filters=filters, fold=merge)
    query = SearchInput(request)
    validate(query, service.settings)
    return run_search(service, query, DecodedFiles(), time.perf_counter())


def _moment(hit: Hit, response: SearchResponse) -> FoundMoment:
    return FoundMoment(
        item=hit.item.id,
        name=hit.item.name,
        kind=hit.item.kind,
        start=hit.start,
        end=hit.end,
        band="likely" if hit.score >= response.likely_floor else "possible",
        score=round(hit.score, 3),
        caption=hit.caption or "",
        evidence=[_evidence(piece) for piece in hit.evidence],
    )


def _evidence(piece: Evidence) -> FoundEvidence:
    return FoundEvidence(kind=piece.kind, text=shorten(piece.text or "", TEXT_CHARS))


def _present(counts: Mapping[Kind, int]) -> dict[Kind, int]:
    """Return the counts that are not 0."""
    return {kind: count for kind, count in counts.items() if count}
