"""Health, readiness and metrics."""

from __future__ import annotations

from fastapi import APIRouter, Response

import mm
from api import metrics
from api.limits.resources import hold_while_processing
from api.openapi.operations import responses
from api.service import ServiceDep
from mm.errors import Unavailable
from mm.schemas import Health, Readiness

router = APIRouter(tags=["health"])


@router.get("/healthz", summary="Health")
async def healthz() -> Health:
    """Responds at once, whatever the state of other components."""
    return Health(version=mm.__version__)


@router.get(
    "/readyz",
    summary="Readiness",
    responses={503: {"model": Readiness, "description": "A required check failed; `checks` says which"}},
)
async def readyz(response: Response, service: ServiceDep) -> Readiness:
    """Checks catalog, blobs, index, sandbox, space, workers and broker with small operations."""
    checks = await service.readiness.get()
    ready = all(check.ok for check in checks if check.required)
    response.status_code = 200 if ready else 503
    return Readiness(ready=ready, checks=checks)


@router.get(
    "/metrics",
    summary="Metrics for Prometheus",
    response_class=Response,
    responses={200: {"content": {"text/plain": {}}}, **responses(Unavailable)},
    dependencies=[hold_while_processing("catalog")],
)
def get_metrics(service: ServiceDep) -> Response:
    """Requests, uploads, searches, queues, the state of the library, the times of workers, and the
    engine of a local language model."""
    catalog = service.store.catalog
    counts = catalog.count_rows()
    library = {"items": counts.items, "segments": counts.segments, "evidence": counts.evidence}
    jobs = {str(state): count for state, count in counts.jobs.items()}
    return Response(
        service.metrics.render(library, jobs, catalog.read_queue_status(), catalog.read_work_metrics())
        + service.chat_models.report_metrics(),
        media_type=metrics.CONTENT_TYPE,
    )
