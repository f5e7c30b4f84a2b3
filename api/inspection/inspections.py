"""Inspections of the service: started, listed, their results and heat maps."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np

from api.http.cursors import format_after, parse_after
from api.inspection.overlay import draw_heat
from api.library import dispatch_job
from api.request_context import current_actor, current_client, current_request_id
from api.serializers import serialize_job
from indexes.catalog.records import ResultFilters
from mm.errors import Conflict, InvalidInput, NotFound, TooLarge
from mm.inspection.heat_maps import decode_heat_map
from mm.inspection.store import NAME, InspectorStore
from mm.inspection.summary import read_summary
from mm.metrology.store import ScaleRecord, ScaleStore
from mm.schemas import (
    FINAL_STATES,
    InspectionCounts,
    InspectionFailure,
    InspectionFailurePage,
    InspectionPage,
    InspectionResult,
    InspectionRun,
    StartedInspection,
)

if TYPE_CHECKING:
    from api.service import Service
    from indexes.catalog.records import ResultRow, RunRow
    from mm.schemas import InspectionRequest

MAX_MESSAGES = 8
"""Messages that are sent for a new job; each finished task requests the next one."""


def start_inspection(service: Service, request: InspectionRequest) -> StartedInspection:
    """Add the job of an inspection.

    Raises `NotFound` for an unknown inspector, version, item or scale, `Conflict` for an inspector
    without a version, `InvalidInput`, `TooLarge`.
    """
    num_items, limit = len(request.items), service.settings.max_inspected
    if num_items > limit:
        raise TooLarge(f"The inspection has {num_items:,} items; the maximum is {limit:,} (MM_MAX_INSPECTED).")
    if request.region is not None and not all(0 <= share <= 1 for corner in request.region for share in corner):
        raise InvalidInput("The corners of `region` are shares of the width and the height, from 0 to 1.")
    version = _choose_version(service, request.inspector, request.version)
    rate = request.rate
    if rate is None:
        path = InspectorStore(service.settings.root).get_path(request.inspector, version)
        rate = read_summary(path).threshold.rate_requested
    scale = None if request.scale is None else ScaleRecord.from_scale(ScaleStore(service.settings.root).load(request.scale))
    settings = {
        "scale_name": request.scale,
        "scale": None if scale is None else scale.model_dump(mode="json"),
        "region": request.region,
        "rate": rate,
        "fps": request.fps,
    }
    run = service.store.catalog.add_run(
        request.inspector,
        version,
        settings,
        request.items,
        span_seconds=service.settings.chunk_seconds,
        by=current_actor(),
        request_id=current_request_id(),
        key_id=current_client().key_id,
    )
    for _ in range(min(run.num_items, MAX_MESSAGES)):
        dispatch_job(service.dispatcher, run.job_id)
    job = service.store.catalog.get_job(run.job_id)
    assert job is not None
    return StartedInspection(inspection=serialize_run(run), job=serialize_job(job))


def get_run(service: Service, run_id: str) -> RunRow:
    """Return an inspection. Raises `NotFound`."""
    run = service.store.catalog.get_run(run_id)
    if run is None:
        raise NotFound(f"There is no inspection {run_id!r:.80}.")
    return run


def list_inspections(service: Service, inspector: str | None, cursor: str | None, limit: int) -> InspectionPage:
    """A page of inspections, newest first. Raises `InvalidInput` for a malformed cursor."""
    runs, following = service.store.catalog.list_runs(inspector, limit, cursor)
    return InspectionPage(inspections=[serialize_run(run) for run in runs], next=following)


def cancel_inspection(service: Service, run_id: str) -> InspectionRun:
    """Cancel the job of an inspection; results so far stay. Raises `NotFound`, `Conflict`."""
    run = get_run(service, run_id)
    if run.state in FINAL_STATES and run.state != "cancelled":
        raise Conflict(f"The inspection {run_id} is already {run.state} and cannot be cancelled.")
    service.store.catalog.cancel_job(run.job_id, current_actor())
    return serialize_run(get_run(service, run_id))


def delete_inspection(service: Service, run_id: str) -> None:
    """Delete an inspection with its results. Raises `NotFound`."""
    if not service.store.catalog.delete_run(run_id, current_actor()):
        raise NotFound(f"There is no inspection {run_id!r:.80}.")


def list_results(
    service: Service, filters: ResultFilters, cursor: str | None, limit: int
) -> tuple[list[ResultRow], int, str | None]:
    """Results by ascending p-value, their number and a cursor. Raises as `list_results`."""
    get_run(service, filters.run_id or "")
    return service.store.catalog.list_results(filters, limit, cursor)


def get_result(service: Service, run_id: str, result_id: str) -> ResultRow:
    """Return a result. Raises `NotFound`."""
    row = service.store.catalog.get_result(run_id, result_id)
    if row is None:
        raise NotFound(f"The inspection {run_id!r:.80} has no result {result_id!r:.80}.")
    return row


def list_failures(service: Service, run_id: str, cursor: str | None, limit: int) -> InspectionFailurePage:
    """A page of the items and ranges that could not be inspected. Raises `NotFound`."""
    after = -1 if cursor is None else parse_after(cursor)
    tasks = service.store.catalog.list_failed_tasks(get_run(service, run_id).job_id, after, limit + 1)
    failures = [
        InspectionFailure(item=task.item_id, start=task.start, end=task.end, attempts=task.attempts, error=task.error or "")
        for task in tasks[:limit]
    ]
    return InspectionFailurePage(failures=failures, next=format_after(tasks[limit - 1].index) if len(tasks) > limit else None)


def read_heat_map(service: Service, run_id: str, result_id: str) -> bytes:
    """The heat map of a result, a PNG file of 16 bits. Raises `NotFound`, `MissingData`."""
    row = get_result(service, run_id, result_id)
    if row.heat is None:
        raise NotFound(f"The result {result_id} has no heat map.")
    return service.store.heat_maps.read(row.heat)


def render_overlay(service: Service, run_id: str, result_id: str) -> bytes:
    """The heat map of a result as a PNG file with colours and opacity. Raises as `read_heat_map`,
    `Corrupt`."""
    row = get_result(service, run_id, result_id)
    heat_HW = decode_heat_map(read_heat_map(service, run_id, result_id))
    score = row.record.threshold.score
    return draw_heat(heat_HW, float(np.median(heat_HW)) if score is None else score)


def serialize_run(run: RunRow) -> InspectionRun:
    settings = run.settings
    counts = {"pass": 0, "fail": 0, "undecided": 0, **run.verdicts}
    return InspectionRun(
        id=run.id,
        inspector=run.inspector,
        version=run.version,
        state=run.state,
        progress=run.progress,
        error=run.error,
        job_id=run.job_id,
        created_at=run.created_at,
        scale=cast("str | None", settings["scale_name"]),
        region=cast("list[tuple[float, float]] | None", settings["region"]),
        rate=cast("float", settings["rate"]),
        fps=cast("float", settings["fps"]),
        num_items=run.num_items,
        counts=InspectionCounts.model_validate({**counts, "failed": run.num_failed}),
    )


def serialize_result(row: ResultRow) -> InspectionResult:
    path = f"/v1/inspections/{row.run_id}/results/{row.id}"
    return InspectionResult(
        id=row.id,
        inspection_id=row.run_id,
        item_id=row.item_id,
        item_name=row.item_name,
        frame_time=None if row.item_kind == "image" else row.frame_time,
        record=row.record,
        heat=None if row.heat is None else f"{path}/heat",
        overlay=None if row.heat is None else f"{path}/overlay",
        media=f"/v1/media/{row.item_id}/content",
        thumbnail=f"/v1/media/{row.item_id}/thumbnail?t={row.frame_time:.3f}",
    )


def _choose_version(service: Service, name: str, version: int | None) -> int:
    """The version of a request, by default the current one. Raises `NotFound`, `Conflict`."""
    store = InspectorStore(service.settings.root)
    versions = store.list_versions(name) if NAME.fullmatch(name) else ()
    if not versions and service.store.catalog.get_inspector(name) is not None:
        raise Conflict(f"The inspector {name} has no version yet; fit it first.")
    if not versions:
        raise NotFound(f"There is no inspector {name!r:.80}.")
    if version is not None and version not in versions:
        raise NotFound(f"The inspector {name} has no version {version}; versions are: {', '.join(map(str, versions))}.")
    return store.get(name).current if version is None else version
