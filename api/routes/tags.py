"""The tags of all items."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from api.limits.resources import hold_while_processing
from api.openapi.operations import responses
from api.service import ServiceDep
from mm.schemas import TagCount, TagList

router = APIRouter(prefix="/v1/tags", tags=["media"])


@router.get("", summary="List the tags in use", responses=responses(), dependencies=[hold_while_processing("catalog")])
def list_tags(service: ServiceDep, limit: Annotated[int, Query(ge=1, le=1000)] = 200) -> TagList:
    """Most frequent first."""
    return TagList(data=[TagCount(tag=tag, items=items) for tag, items in service.store.catalog.list_tags(limit)])
