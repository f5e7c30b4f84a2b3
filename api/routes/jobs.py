"""Work on uploads: how far it is, live, and how to stop it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.responses import StreamingResponse

from api.http import sse
from api.http.openapi import JOB_LINKS, responses
from api.limits.resources import LimitsDep, hold_while_processing, hold_while_sending
from api.request_context import current_actor, get_client_id
from api.serializers import serialize_event, serialize_job
from api.service import Service, ServiceDep
from mm.errors import Conflict, InvalidInput, NotFound
from mm.schemas import FINAL_STATES, Job, JobEvent, JobList

if TYPE_CHECKING:
    from indexes.catalog.queue.forecast import Forecast
    from indexes.catalog.records import JobRow

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])

EVENTS_AT_ONCE = 200


@router.get("", summary="The latest jobs", responses=responses(), dependencies=[hold_while_processing("catalog")])
def list_jobs(service: ServiceDep, limit: Annotated[int, Query(ge=1, le=500)] = 50) -> JobList:
    """Newest first."""
    return JobList(data=[_job_of(service, row) for row in service.store.catalog.list_jobs(limit)])


@router.get(
    "/{job_id}",
    summary="One job",
    responses={200: JOB_LINKS, **responses(NotFound)},
    dependencies=[hold_while_processing("catalog")],
)
def get_job(job_id: str, service: ServiceDep) -> Job:
    """Its state, how far it is, what comes before it, when it may be done, and why it failed if it
    did."""
    return _job_of(service, _job(service, job_id))


@router.post(
    "/{job_id}/cancel",
    summary="Stop a job",
    responses=responses(NotFound, Conflict),
    dependencies=[hold_while_processing("catalog")],
)
def cancel_job(job_id: str, service: ServiceDep) -> Job:
    """Its item stays, cancelled; the same bytes sent again begin anew."""
    job = _job(service, job_id)
    if job.state in FINAL_STATES and job.state != "cancelled":
        raise Conflict(f"The job {job_id} is {job.state} already; there is nothing to stop.")
    service.store.catalog.cancel_job(job_id, current_actor())
    return serialize_job(_job(service, job_id))


@router.get(
    "/{job_id}/events",
    summary="Progress of a job, live",
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "Server-sent events named `job`, each a `JobEvent`; one named `unauthorized`, a `Problem`, ends the "
            "stream of a key that is revoked meanwhile",
            "content": {sse.MEDIA_TYPE: {}},
        },
        204: {"description": "The job is over and every event was seen"},
        **responses(NotFound),
    },
    dependencies=[hold_while_sending("event_streams")],
)
async def job_events(
    job_id: str, request: Request, service: ServiceDep, limits: LimitsDep, last_event_id: Annotated[str | None, Header()] = None
) -> Response:
    """From the first event, or behind `Last-Event-ID`; the stream ends after a final state."""
    if last_event_id is not None and not (last_event_id.isascii() and last_event_id.isdigit() and len(last_event_id) < 19):
        raise InvalidInput(f"Last-Event-ID is {last_event_id[:40]!r}; it must be the number of an event.")
    after = int(last_event_id or 0)

    def read(behind: int) -> list[JobEvent]:
        rows = service.store.catalog.events_after(job_id, behind, EVENTS_AT_ONCE)
        return [
            *map(serialize_event, rows[:-1]),
            *(serialize_event(row, _forecast(service, job_id, row.state)) for row in rows[-1:]),
        ]

    job = await limits.events.run(_job, service, job_id)
    if job.state in FINAL_STATES and not await limits.events.run(read, after):
        return Response(status_code=204)  # tells a browser's EventSource not to come back
    caller = get_client_id(request.scope)
    # `read(n - 1)` gives event n again
    events = sse.stream(
        lambda behind: limits.events.run(read, behind),
        after,
        lambda: sse.get_poll_interval(limits.event_streams.inside_of(caller)),
    )
    return StreamingResponse(events, media_type=sse.MEDIA_TYPE, headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})


def _job_of(service: Service, row: JobRow) -> Job:
    return serialize_job(row, _forecast(service, row.id, row.state))


def _forecast(service: Service, job_id: str, state: str) -> Forecast | None:
    return None if state in FINAL_STATES else service.forecasts.of(job_id)


def _job(service: Service, job_id: str) -> JobRow:
    row = service.store.catalog.get_job(job_id)
    if row is None:
        raise NotFound(f"There is no job {job_id!r}.")
    return row
