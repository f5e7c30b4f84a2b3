"""Saved searches and their matches."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from api.http.bodies import read_json
from api.limits.resources import LimitsDep, hold_while_processing
from api.openapi.operations import json_body, responses
from api.request_context import get_client_id
from api.service import ServiceDep
from mm.errors import Conflict, NotFound, TooLarge
from mm.schemas import MatchPage, NewSavedSearch, ReadMatches, SavedSearch, SavedSearchList, SavedSearchPatch

router = APIRouter(prefix="/v1/searches", tags=["searches"])

SEARCH_BYTES = 64 << 10
"""Maximum body of a request."""
WEBHOOK = {"url": "https://example.com/matches", "secret": "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3"}


@router.get("", summary="List the saved searches", responses=responses(), dependencies=[hold_while_processing("catalog")])
def list_searches(service: ServiceDep) -> SavedSearchList:
    """All of them, by name, with their numbers of matches."""
    return service.saved_searches.list()


@router.post(
    "",
    summary="Save a search",
    status_code=201,
    responses=responses(Conflict, TooLarge),
    openapi_extra=json_body(
        NewSavedSearch,
        words={"name": "Ferries", "text": "a ferry", "filters": {"kinds": ["video"]}},
        webhook={"name": "Dogs on the beach", "text": "a dog on the beach", "band": "possible", "webhook": WEBHOOK},
    ),
)
async def save_search(request: Request, response: Response, service: ServiceDep, limits: LimitsDep) -> SavedSearch:
    """Items that become searchable from now on, or get new evidence, are matched with it, each
    once. The name must be unused. With a webhook, a key with the scope `admin` is needed, if the
    service requires keys."""
    body = await read_json(request, NewSavedSearch, SEARCH_BYTES)
    search = await limits.catalog.run(get_client_id(request.scope), service.saved_searches.save, body)
    response.headers["Location"] = f"/v1/searches/{search.id}"
    return search


@router.get(
    "/{search_id}", summary="Get a saved search", responses=responses(NotFound), dependencies=[hold_while_processing("catalog")]
)
def get_search(search_id: str, service: ServiceDep) -> SavedSearch:
    """Its words, filters and numbers of matches."""
    return service.saved_searches.get(search_id)


@router.patch(
    "/{search_id}",
    summary="Rename, enable or disable a saved search",
    responses=responses(NotFound, Conflict, TooLarge),
    openapi_extra=json_body(SavedSearchPatch, disable={"enabled": False}, rename={"name": "Ferries at dawn"}),
)
async def edit_search(search_id: str, request: Request, service: ServiceDep, limits: LimitsDep) -> SavedSearch:
    """What is unset stays. Items of the time in which it was disabled are not matched."""
    body = await read_json(request, SavedSearchPatch, SEARCH_BYTES)
    return await limits.catalog.run(get_client_id(request.scope), service.saved_searches.edit, search_id, body)


@router.delete(
    "/{search_id}",
    summary="Delete a saved search",
    status_code=204,
    responses=responses(NotFound),
    dependencies=[hold_while_processing("catalog")],
)
def delete_search(search_id: str, service: ServiceDep) -> None:
    """With its matches; their items stay in the library."""
    service.saved_searches.delete(search_id)


@router.get(
    "/{search_id}/matches",
    summary="List the matches of a saved search",
    responses=responses(NotFound),
    dependencies=[hold_while_processing("catalog")],
)
def list_matches(
    search_id: str,
    service: ServiceDep,
    offset: Annotated[int, Query(ge=0, le=10_000_000, description="Number of matches to skip.")] = 0,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
) -> MatchPage:
    """Latest first. Matches of items in the trash are left out until these are restored."""
    return service.saved_searches.list_matches(search_id, offset, limit)


@router.post(
    "/{search_id}/read",
    summary="Mark matches as read",
    responses=responses(NotFound, TooLarge),
    openapi_extra=json_body(ReadMatches, all={}, shown={"until": 12}),
)
async def mark_read(search_id: str, request: Request, service: ServiceDep, limits: LimitsDep) -> SavedSearch:
    """All matches, or those up to the latest one that was shown. Later matches stay unread."""
    body = await read_json(request, ReadMatches, SEARCH_BYTES)
    return await limits.catalog.run(get_client_id(request.scope), service.saved_searches.mark_read, search_id, body)
