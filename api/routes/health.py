"""Is it alive, does it work, how much does it do."""

from __future__ import annotations

from fastapi import APIRouter, Response

import mm
from api import metrics
from api.http.openapi import responses
from api.limits.resources import hold_while_processing
from api.service import ServiceDep
from mm.errors import Unavailable
from mm.schemas import Health, Readiness

router = APIRouter(tags=["health"])


@router.get("/healthz", summary="Alive")
async def healthz() -> Health:
    """Answers at once, whatever else works."""
    return Health(version=mm.__version__)


@router.get(
    "/readyz",
    summary="Ready",
    responses={503: {"model": Readiness, "description": "Something that is needed does not work; the checks say what"}},
)
async def readyz(response: Response, service: ServiceDep) -> Readiness:
    """Looks at what works, not at what is alive: catalog, blobs, broker, workers, space, index."""
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
    """Requests, uploads, searches, what waits, what the library holds, and how long all of its
    workers took."""
    catalog = service.store.catalog
    counts = catalog.counts()
    library = {"items": counts.items, "segments": counts.segments, "evidence": counts.evidence}
    jobs = {str(state): count for state, count in counts.jobs.items()}
    return Response(
        service.metrics.render(library, jobs, catalog.queue_status(), catalog.work_metrics()), media_type=metrics.CONTENT_TYPE
    )
