"""Inspections: start, list, results with heat maps, failures, export, cancel, delete."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from mm.client.flows.jobs import OnProgress, wait_for
from mm.client.paths import quote_id
from mm.client.responses import parse_body, read_body
from mm.client.steps import Flow, Send
from mm.errors import Conflict
from mm.schemas import (
    ExportFormat,
    InspectionFailurePage,
    InspectionMark,
    InspectionMarkList,
    InspectionMarkRequest,
    InspectionPage,
    InspectionRequest,
    InspectionResult,
    InspectionResultPage,
    InspectionRun,
    InspectionVerdict,
    StartedInspection,
)


def start(
    inspector: str,
    items: Sequence[str],
    *,
    version: int | None = None,
    scale: str | None = None,
    region: Sequence[tuple[float, float]] | None = None,
    rate: float | None = None,
    fps: float = 1.0,
    wait: bool = False,
    on_progress: OnProgress | None = None,
) -> Flow[InspectionRun]:
    """Inspect images and videos by id; `scale` names one for sizes in millimetres.

    `region` is a polygon in shares of width and height; of a video, `fps` frames per second are
    inspected. With `wait`, return when all are. Raises `NotFound`, `InvalidInput`, `TooLarge`, and
    `Conflict` for an inspector without a version or, with `wait`, when nothing could be inspected.
    """
    request = InspectionRequest.model_construct(
        inspector=inspector,
        version=version,
        items=list(items),
        scale=scale,
        region=None if region is None else list(region),
        rate=rate,
        fps=fps,
    )
    started = parse_body((yield from Send("POST", "/v1/inspections", json=request.model_dump())), StartedInspection)
    if not wait:
        return started.inspection
    finished = yield from wait_for(started.job.id, on_progress=on_progress)
    if finished.state != "done":
        raise Conflict(f"The inspection is {finished.state}: {finished.error or 'the service reports no reason.'}")
    return (yield from get(started.inspection.id))


def get(inspection_id: str) -> Flow[InspectionRun]:
    """Get an inspection. Raises `NotFound`."""
    return parse_body((yield from Send("GET", _path(inspection_id))), InspectionRun)


def list_all(*, inspector: str | None = None, cursor: str | None = None, limit: int = 50) -> Flow[InspectionPage]:
    """List a page of inspections, newest first."""
    params: dict[str, str | int] = {"limit": limit}
    params |= {name: value for name, value in (("inspector", inspector), ("cursor", cursor)) if value is not None}
    return parse_body((yield from Send("GET", "/v1/inspections", params=params)), InspectionPage)


def cancel(inspection_id: str) -> Flow[InspectionRun]:
    """Cancel an inspection; results so far stay. Raises `NotFound`, `Conflict` if it has ended."""
    return parse_body((yield from Send("POST", f"{_path(inspection_id)}/cancel")), InspectionRun)


def delete(inspection_id: str) -> Flow[None]:
    """Delete an inspection with its results and heat maps. Raises `NotFound`."""
    read_body((yield from Send("DELETE", _path(inspection_id))))


def results(
    inspection_id: str,
    *,
    verdict: InspectionVerdict | None = None,
    item: str | None = None,
    cursor: str | None = None,
    limit: int = 50,
) -> Flow[InspectionResultPage]:
    """List a page of results by ascending p-value. Raises `NotFound`."""
    params: dict[str, str | int] = {"limit": limit}
    chosen = (("verdict", verdict), ("item", item), ("cursor", cursor))
    params |= {name: value for name, value in chosen if value is not None}
    return parse_body((yield from Send("GET", f"{_path(inspection_id)}/results", params=params)), InspectionResultPage)


def result(inspection_id: str, result_id: str) -> Flow[InspectionResult]:
    """Get a result. Raises `NotFound`."""
    return parse_body((yield from Send("GET", _result_path(inspection_id, result_id))), InspectionResult)


def heat_map(inspection_id: str, result_id: str) -> Flow[bytes]:
    """Get a heat map, a grey PNG of 16 bits. Raises `NotFound`, `MissingData`."""
    return read_body((yield from Send("GET", f"{_result_path(inspection_id, result_id)}/heat")))


def overlay(inspection_id: str, result_id: str) -> Flow[bytes]:
    """Get a heat map as a PNG with colours and opacity. Raises `NotFound`, `MissingData`."""
    return read_body((yield from Send("GET", f"{_result_path(inspection_id, result_id)}/overlay")))


def failures(inspection_id: str, *, cursor: str | None = None, limit: int = 50) -> Flow[InspectionFailurePage]:
    """List a page of what could not be inspected, with the reasons. Raises `NotFound`."""
    params: dict[str, str | int] = {"limit": limit} if cursor is None else {"limit": limit, "cursor": cursor}
    return parse_body((yield from Send("GET", f"{_path(inspection_id)}/failures", params=params)), InspectionFailurePage)


def export(inspection_id: str, export_format: ExportFormat, *, verdict: InspectionVerdict | None = None) -> Flow[bytes]:
    """Export results: `coco` is JSON, `csv` a table, `mvtec` and `png16` are zip files.

    Raises `NotFound`, `TooLarge`, `MediaError`, `MissingData`.
    """
    params = {"format": export_format} if verdict is None else {"format": export_format, "verdict": verdict}
    return read_body((yield from Send("GET", f"{_path(inspection_id)}/export", params=params)))


def _path(inspection_id: str) -> str:
    return f"/v1/inspections/{quote_id(inspection_id)}"


def _result_path(inspection_id: str, result_id: str) -> str:
    return f"{_path(inspection_id)}/results/{quote_id(result_id)}"


def mark(
    inspection_id: str,
    result_id: str,
    verdict: Literal["accept", "reject"],
    *,
    polygons: Sequence[Sequence[tuple[float, float]]] = (),
    kind: str | None = None,
    group: str | None = None,
) -> Flow[InspectionMark]:
    """Accept or reject a result; of a rejected part, `polygons` outline the defect in pixels.

    `group` names the part or batch of an image of which several were inspected.

    A mark with the other verdict is undone. Raises `NotFound`, `InvalidInput`.
    """
    drawn = [list(polygon) for polygon in polygons]
    request = InspectionMarkRequest.model_construct(verdict=verdict, polygons=drawn, kind=kind, group=group)
    path = f"{_result_path(inspection_id, result_id)}/marks"
    return parse_body((yield from Send("POST", path, json=request.model_dump())), InspectionMark)


def marks(inspection_id: str, result_id: str) -> Flow[list[InspectionMark]]:
    """List the marks in force of a result, the earliest first. Raises `NotFound`."""
    return parse_body((yield from Send("GET", f"{_result_path(inspection_id, result_id)}/marks")), InspectionMarkList).data


def undo_mark(inspection_id: str, result_id: str, mark_id: str) -> Flow[None]:
    """Undo a mark of a result. Raises `NotFound`."""
    read_body((yield from Send("DELETE", f"{_result_path(inspection_id, result_id)}/marks/{quote_id(mark_id)}")))
