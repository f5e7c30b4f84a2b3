"""The segments of an item, with the recognized speech."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Query

from api.limits.resources import hold_while_processing
from api.openapi.operations import responses
from api.service import ServiceDep
from mm.errors import NotFound
from mm.schemas import Line, Segment, SegmentPage

if TYPE_CHECKING:
    from indexes.catalog.records import NewSegment

router = APIRouter(prefix="/v1/media", tags=["media"])


@router.get(
    "/{item_id}/segments",
    summary="List the segments of an item, with the recognized speech",
    responses=responses(NotFound),
    dependencies=[hold_while_processing("catalog")],
)
def list_segments(
    item_id: str,
    service: ServiceDep,
    after: Annotated[float, Query(ge=-1, allow_inf_nan=False, description="`next` of the previous page, in seconds.")] = -1.0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
) -> SegmentPage:
    """In order of time; none while the item is being processed. A line of speech that crosses the
    end of a segment is in one segment only."""
    item = service.library.get_item(item_id)
    with service.spaces.acquire() as served:
        rows = service.store.catalog.list_segments(item.id, served.space.id, after, limit + 1)
    next_start = rows[limit - 1].end if len(rows) > limit else None
    return SegmentPage(segments=[_segment(row) for row in rows[:limit]], next=next_start)


def _segment(row: NewSegment) -> Segment:
    lines = [Line(start=e.start, end=e.end, text=e.text or "") for e in row.evidence if e.kind == "speech"]
    scene_start, scene_end = row.scene or (None, None)
    return Segment(
        start=row.start,
        end=row.end,
        shot=row.shot,
        scene_start=scene_start,
        scene_end=scene_end,
        said=lines,
        caption=row.caption,
    )
