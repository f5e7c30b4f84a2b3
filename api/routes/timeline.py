"""The library by time, camera and place: days on which items were taken, cameras, places."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from api.http.paging import BrowseParameters
from api.limits.resources import hold_while_processing
from api.metadata import check_conditions, check_sort, shows_metadata
from api.openapi.operations import responses
from api.service import ServiceDep
from indexes.catalog.records import ItemFilters
from mm.errors import NotFound
from mm.schemas import CameraCount, CameraList, DayCount, ItemStatus, Kind, PlaceCount, PlaceList, Timeline

router = APIRouter(prefix="/v1", tags=["media"])


@router.get(
    "/timeline",
    summary="List the days on which items were taken",
    responses=responses(NotFound),
    dependencies=[hold_while_processing("catalog")],
)
def list_days(
    service: ServiceDep,
    browsed: Annotated[BrowseParameters, Depends()],
    kind: Annotated[list[Kind], Query(description="Any of these kinds.")] = [],  # noqa: B006
    tag: Annotated[list[str], Query(description="All of these tags.")] = [],  # noqa: B006
    status: Annotated[ItemStatus | None, Query(description="Only items in this state.")] = None,
    favourite: Annotated[bool | None, Query(description="Only favourites, or only others.")] = None,
) -> Timeline:
    """Latest first, with the number of items of each day, in the order of `GET /v1/media` with
    `sort=taken`. An item whose time taken is unknown is on the day of its upload (UTC)."""
    check_sort(service.settings, "taken")
    conditions = browsed.extend(ItemFilters(kinds=kind, tags=tag, status=status, favourite=favourite))
    check_conditions(service.settings, conditions)
    return Timeline(days=[DayCount(day=day, items=items) for day, items in service.store.catalog.list_days(conditions)])


@router.get("/cameras", summary="List the cameras", responses=responses(), dependencies=[hold_while_processing("catalog")])
def list_cameras(service: ServiceDep, limit: Annotated[int, Query(ge=1, le=1000)] = 200) -> CameraList:
    """Make and model, most frequent first; empty where metadata is hidden (`MM_METADATA`)."""
    rows = service.store.catalog.list_cameras(limit) if shows_metadata(service.settings) else []
    return CameraList(data=[CameraCount(camera=camera, items=items) for camera, items in rows])


@router.get("/places", summary="List the places", responses=responses(), dependencies=[hold_while_processing("catalog")])
def list_places(service: ServiceDep, limit: Annotated[int, Query(ge=1, le=1000)] = 200) -> PlaceList:
    """Names of the places where items were taken, most frequent first; empty where metadata is
    hidden (`MM_METADATA`)."""
    rows = service.store.catalog.list_places(limit) if shows_metadata(service.settings) else []
    return PlaceList(data=[PlaceCount(place=place, items=items) for place, items in rows])
