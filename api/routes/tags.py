"""The tags that items have."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from api.http.openapi import responses
from api.limits.resources import hold_while_processing
from api.service import ServiceDep
from mm.schemas import TagCount, TagList

router = APIRouter(prefix="/v1/tags", tags=["media"])


@router.get("", summary="The tags in use", responses=responses(), dependencies=[hold_while_processing("catalog")])
def list_tags(service: ServiceDep, limit: Annotated[int, Query(ge=1, le=1000)] = 200) -> TagList:
    """Those of most items first."""
    return TagList(data=[TagCount(tag=tag, items=items) for tag, items in service.store.catalog.tags(limit)])
