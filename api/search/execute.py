"""Runs a search: validate, encode the query, search the index, join the hits with their items."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from api.metadata import check_conditions, shows_metadata
from api.search.album_ranges import search_album
from api.search.bands import assign_bands
from api.search.like import find_like_segment
from api.search.match import EXTRA_HITS as EXTRA_MATCHES
from api.search.match import match_words
from api.search.parse import parse_text
from api.search.places import parse_place
from api.search.typos import correct_typos
from api.search.verdicts import has_query, list_verdicts, match_hits, read_words, restrict
from api.serializers import serialize_hit
from api.text_notes import describe_library_text
from mm.errors import InvalidInput, TooLarge
from mm.runtimes.memory import release_memory
from mm.schemas import Hit, SearchResponse
from mm.spaces.query import build_query

if TYPE_CHECKING:
    from collections.abc import Sequence

    from api.search.decode import DecodedFiles
    from api.search.request import SearchInput
    from api.service import Service
    from api.spaces.manager import ServedSpace
    from indexes.catalog.records import ResultRow
    from indexes.search.hits import SearchHit
    from mm.schemas import InspectionFilter
    from mm.settings import Settings
    from mm.spaces.types import Query

EXTRA_HITS = 4
"""Hits that are searched for each one of a search with a filter of results: those of another time
range of the same video are left out."""


def validate(query: SearchInput, settings: Settings) -> None:
    """Raise `InvalidInput` or `TooLarge` for values that are never valid."""
    request = query.request
    check_conditions(settings, request.filters)
    if not 1 <= request.k <= settings.max_hits:
        raise InvalidInput(f"k is {request.k}; it must be from 1 to {settings.max_hits} (MM_MAX_HITS).")
    texts = [request.text or "", *request.also]
    length = sum(map(len, [*texts, *request.without]))
    if length > settings.query_chars:
        raise TooLarge(f"The query has {length:,} characters; the maximum is {settings.query_chars:,} (MM_QUERY_CHARS).")
    if not has_query(query) and (request.filters.inspection is None or request.without):
        addition = " in addition to `without`" if request.without else ""
        raise InvalidInput(f"The query is empty: it needs a text, an image, audio, a clip or `like`{addition}.")


def run_search(
    service: Service, query: SearchInput, files: DecodedFiles, arrived: float, *, reads_parts: bool = True
) -> SearchResponse:
    """Run a search whose files are decoded, and which arrived at `arrived` of the performance
    counter. Blocks while towers run. `reads_parts` is whether words about inspected parts become a
    filter of results.

    Raises `InvalidInput`, `NotFound`, `Unavailable`.
    """
    started = time.perf_counter()
    service.metrics.query_seconds.labels("wait").observe(started - arrived - files.seconds)
    understood, notes = None, list[str]()
    if reads_parts:
        query, understood, notes = read_words(service, query)
    with service.spaces.acquire() as served:
        if has_query(query):
            return _run_query(service, served, query, files, started)
        return _list_verdicts(service, served, query, started, understood, notes)


def _run_query(service: Service, served: ServedSpace, search: SearchInput, files: DecodedFiles, started: float) -> SearchResponse:
    """Search by what the text of the request says. A place in it is a filter where it has hits."""
    parsed = parse_text(search)
    placed, is_explicit = parse_place(service, parsed)
    corrected, corrections = correct_typos(service.store.catalog, served, placed)
    response = _run(service, served, corrected, files, started, corrections)
    if placed is parsed:
        return response
    if response.hits or is_explicit:
        return response.model_copy(update={"place": placed.request.filters.place})
    corrected, corrections = correct_typos(service.store.catalog, served, parsed)
    return _run(service, served, corrected, files, started, corrections)


def _run(
    service: Service,
    served: ServedSpace,
    search: SearchInput,
    files: DecodedFiles,
    started: float,
    corrections: dict[str, str],
) -> SearchResponse:
    stage, request = service.metrics.query_seconds.labels, search.request
    like = None if request.like is None else find_like_segment(service, served.space, request.like)
    text = (request.text or "").strip() or None
    with stage("encode").time():
        query = build_query(
            served.space,
            text=text,
            picture=files.image,
            clip=files.clip,
            sound=files.audio,
            like=None if like is None else like.vectors,
            also=request.also,
            without=request.without,
            weights=request.weights,
            may_only_exclude=True,  # `validate` refuses such a request; a text that only excludes is parsed after it
        )
    if files.audio is not None:
        release_memory()
    floor, likely = get_thresholds(query, request.floor)
    with stage("search").time():
        # One more hit than requested, because the best hit for a segment is the segment itself.
        k = request.k if like is None else request.k + 1
        has_only_text = text is not None and like is None and not (search.files or request.also)
        k += EXTRA_MATCHES if has_only_text else 0
        filters = request.filters
        verdicts: dict[str, list[ResultRow]] = {}
        if request.filters.inspection is not None:
            filters, verdicts = restrict(service, request.filters)
            k *= EXTRA_HITS
        is_possible = bool(verdicts) or request.filters.inspection is None

        def search_index(count: int) -> Sequence[SearchHit]:
            return served.searcher.search(query, count, filters, floor, likely=likely, merge_near_duplicates=request.fold)

        hits: Sequence[SearchHit] = []
        if is_possible and filters.album:
            hits = search_album(search_index, k, service.store.catalog.get_album_ranges(filters.album))
        elif is_possible:
            hits = search_index(k)
        if like is not None:
            hits = [rest for hit in hits if (rest := like.remove_from(hit)) is not None][: request.k]
    results = _serialize_hits(service, hits, query.floor)
    if has_only_text:
        results = match_words(results, text or "", query.floor, floor)
    if request.filters.inspection is not None:
        results = match_hits(results, verdicts, request.filters)
    results = assign_bands(results, query, served.space, served.searcher)[: request.k]
    seconds = files.seconds + time.perf_counter() - started
    kind = "+".join(sorted(search.files)) or ("like" if request.like is not None and not text else "text")
    service.metrics.searches.labels(kind, str(bool(results)).lower()).inc()
    service.metrics.search_seconds.observe(seconds)
    return SearchResponse(
        hits=results,
        space=str(served.space.id),
        floor=floor,
        likely_floor=query.floor,
        text=text,
        without=request.without,
        corrections=corrections,
        heard=query.transcript,
        notes=[*query.notes, *_note_unread_text(service, served, query)],
        seconds=seconds,
    )


def _list_verdicts(
    service: Service,
    served: ServedSpace,
    search: SearchInput,
    started: float,
    understood: InspectionFilter | None,
    notes: list[str],
) -> SearchResponse:
    """The response of a search with a filter of results and nothing else."""
    hits = list_verdicts(service, search.request.filters, search.request.k)
    seconds = time.perf_counter() - started
    service.metrics.searches.labels("inspection", str(bool(hits)).lower()).inc()
    service.metrics.search_seconds.observe(seconds)
    return SearchResponse(
        hits=hits, space=str(served.space.id), floor=0.0, likely_floor=0.0, understood=understood, notes=notes, seconds=seconds
    )


def _note_unread_text(service: Service, served: ServedSpace, query: Query) -> list[str]:
    """Return notes if the query searches text in images and some images are not done.

    Empty if text recognition is disabled.
    """
    if service.settings.read_text == "off" or all(evidence_query.kind != "written" for evidence_query in query.evidence_queries):
        return []
    catalog, space = service.store.catalog, served.space.id
    return describe_library_text(catalog.count_unread_images(space), catalog.count_failed_images(space))


def get_thresholds(query: Query, floor: float | None) -> tuple[float, float]:
    """Return the score threshold of a hit, and the score from which a hit is extended only over
    segments that also reach it.

    A `floor` of the request replaces both.
    """
    if floor is not None:
        return floor, 1.0
    return min(query.floor, query.floor if query.possible is None else query.possible), query.floor


def _serialize_hits(service: Service, hits: Sequence[SearchHit], likely: float) -> list[Hit]:
    """Join hits with their items; an item that was deleted since the search is left out."""
    ids = {match.item_id for hit in hits for match in (hit, *hit.near_duplicates)}
    items = {item_id: service.store.catalog.get_item(item_id) for item_id in ids}
    metadata = shows_metadata(service.settings)
    return [result for hit in hits if (result := serialize_hit(hit, items, likely, metadata=metadata)) is not None]
