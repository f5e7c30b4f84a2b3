"""What is in one item: its segments, and the words said in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Query

from api.http.openapi import responses
from api.limits.resources import hold_while_processing
from api.service import ServiceDep
from mm.errors import NotFound
from mm.schemas import Line, Segment, SegmentPage

if TYPE_CHECKING:
    from indexes.catalog.records import NewSegment

router = APIRouter(prefix="/v1/media", tags=["media"])


@router.get(
    "/{item_id}/segments",
    summary="The segments of an item, with the words said",
    responses=responses(NotFound),
    dependencies=[hold_while_processing("catalog")],
)
def list_segments(
    item_id: str,
    service: ServiceDep,
    after: Annotated[float, Query(ge=-1, allow_inf_nan=False, description="`next` of the page before, in seconds.")] = -1.0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
) -> SegmentPage:
    """In order of time; none while the item is processed. A line that was said across a border is
    in one segment only."""
    item = service.library.item(item_id)
    with service.serving.use() as served:
        rows = service.store.catalog.item_segments(item.id, served.space.id, after, limit + 1)
    following = rows[limit - 1].end if len(rows) > limit else None
    return SegmentPage(segments=[_segment(row) for row in rows[:limit]], next=following)


def _segment(row: NewSegment) -> Segment:
    said = [Line(start=e.start, end=e.end, text=e.text or "") for e in row.evidence if e.kind == "speech"]
    begin, end = row.scene or (None, None)
    return Segment(start=row.start, end=row.end, shot=row.shot, scene_start=begin, scene_end=end, said=said)
