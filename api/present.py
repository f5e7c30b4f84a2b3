"""Rows of the catalog as the shapes that cross the wire."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mm.schemas import Evidence, Hit, Item, Job, JobEvent

if TYPE_CHECKING:
    from indexes.rows import ItemRow, JobEventRow, JobRow
    from indexes.search import SearchHit


def item_of(row: ItemRow) -> Item:
    return Item(
        id=row.id,
        name=row.name,
        kind=row.kind,
        content_type=row.content_type,
        size=row.size,
        duration=row.duration,
        width=row.width,
        height=row.height,
        tags=list(row.tags),
        status=row.status,
        error=row.error,
        created_at=row.created_at,
    )


def job_of(row: JobRow) -> Job:
    return Job(
        id=row.id,
        item_id=row.item_id,
        state=row.state,
        progress=row.progress,
        stage=row.stage,
        error=row.error,
        created_at=row.created_at,
        updated_at=row.updated_at,
        request_id=row.request_id,
    )


def event_of(row: JobEventRow) -> JobEvent:
    return JobEvent(id=row.id, job_id=row.job_id, state=row.state, progress=row.progress, stage=row.stage, error=row.error)


def hit_of(hit: SearchHit, item: ItemRow) -> Hit:
    evidence = [
        Evidence(kind=e.kind, score=e.score, cosine=e.cosine, start=e.start, end=e.end, text=e.text) for e in hit.evidence
    ]
    return Hit(
        item=item_of(item),
        start=hit.start,
        end=hit.end,
        score=hit.score,
        evidence=sorted(evidence, key=lambda piece: piece.score, reverse=True),
        thumbnail=f"/v1/media/{item.id}/thumbnail?t={hit.start:.3f}",
        media=f"/v1/media/{item.id}/content",
    )
