"""Conversion of catalog rows and search hits to the schemas of the API."""

from __future__ import annotations

from typing import TYPE_CHECKING

from api.metadata import serialize_capture
from api.text_notes import describe_text
from mm.media.containers.file_types import describe_reading
from mm.schemas import FINAL_STATES, Band, Evidence, Hit, Item, Job, JobEvent, Moment, SpokenLanguage

if TYPE_CHECKING:
    from collections.abc import Mapping

    from indexes.catalog.queue.forecast import Forecast
    from indexes.catalog.records import ItemRow, JobEventRow, JobRow
    from indexes.search.hits import SearchHit


THUMBNAIL_POSITION = 0.9
"""Position of the thumbnail in the best segment of a hit, 0 to 1."""


def serialize_item(row: ItemRow, *, metadata: bool) -> Item:
    """Convert an item; `metadata` is whether its time, camera and place are shown."""
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
        notes=[*describe_reading(row.content_type), *describe_text(row.text)],
        unread_pictures=row.text.num_left,
        read_pictures=row.text.num_done,
        failed_pictures=len(row.text.failed),
        caption=row.caption,
        capture=serialize_capture(row.capture, row.place) if metadata else None,
        language=row.languages[0].language if row.languages else None,
        languages=[
            SpokenLanguage(language=spoken.language, seconds=round(spoken.seconds, 3), identified=spoken.is_identified)
            for spoken in row.languages
        ],
        favourite=row.favourite,
        version=row.version,
    )


def serialize_job(row: JobRow, forecast: Forecast | None = None) -> Job:
    return Job(
        id=row.id,
        kind=row.kind,
        item_id=row.item_id,
        state=row.state,
        progress=row.progress,
        stage=row.stage,
        error=row.error,
        created_at=row.created_at,
        updated_at=row.updated_at,
        request_id=row.request_id,
        position=None if forecast is None or row.state != "queued" else forecast.position,
        seconds_left=None if forecast is None or row.is_final else forecast.seconds_left,
    )


def serialize_event(row: JobEventRow, forecast: Forecast | None = None) -> JobEvent:
    return JobEvent(
        id=row.id,
        job_id=row.job_id,
        state=row.state,
        progress=row.progress,
        stage=row.stage,
        error=row.error,
        position=None if forecast is None or row.state != "queued" else forecast.position,
        seconds_left=None if forecast is None or row.state in FINAL_STATES else forecast.seconds_left,
    )


def serialize_hit(hit: SearchHit, items: Mapping[str, ItemRow | None], likely: float, *, metadata: bool) -> Hit | None:
    """Convert a hit and its near-duplicates; None if all their items are deleted.

    `likely` is the score threshold of the band `likely`, `metadata` as for `serialize_item`.
    """
    matches = (hit, *hit.near_duplicates)
    moments = [_serialize_moment(match, item, metadata) for match in matches if (item := items[match.item_id]) is not None]
    if not moments:
        return None
    band: Band = "likely" if hit.score >= likely else "possible"
    return Hit(**dict(moments[0]), band=band, duplicates=len(moments) - 1, alike=moments[1:])


def _serialize_moment(hit: SearchHit, item: ItemRow, metadata: bool) -> Moment:
    evidence = [
        Evidence(kind=e.kind, score=e.score, cosine=e.cosine, start=e.start, end=e.end, text=e.text, language=e.language)
        for e in hit.evidence
    ]
    return Moment(
        item=serialize_item(item, metadata=metadata),
        start=hit.start,
        end=hit.end,
        best_start=hit.best_start,
        best_end=hit.best_end,
        scene_start=None if hit.scene is None else hit.scene[0],
        scene_end=None if hit.scene is None else hit.scene[1],
        score=hit.score,
        evidence=sorted(evidence, key=lambda piece: piece.score, reverse=True),
        caption=hit.caption,
        thumbnail=f"/v1/media/{item.id}/thumbnail?t={_get_thumbnail_time(hit, item):.3f}",
        media=f"/v1/media/{item.id}/content",
    )


def _get_thumbnail_time(hit: SearchHit, item: ItemRow) -> float:
    """Return the time of the thumbnail of a hit.

    A thumbnail shows the key frame before its time. Late in the best segment, this key frame is
    most likely in the segment; at its start, rounding down would give one of the shot before.
    """
    return hit.best_start + (0.0 if item.kind == "audio" else THUMBNAIL_POSITION * (hit.best_end - hit.best_start))
