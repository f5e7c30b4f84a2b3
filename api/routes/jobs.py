"""Jobs: list, get, cancel, and follow as server-sent events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.responses import StreamingResponse

from api.http import sse
from api.limits.resources import LimitsDep, hold_while_processing, hold_while_sending
from api.openapi.operations import JOB_LINKS, responses
from api.request_context import current_actor, get_client_id
from api.serializers import serialize_event, serialize_job
from api.service import Service, ServiceDep
from mm.errors import Conflict, InvalidInput, NotFound
from mm.schemas import FINAL_STATES, Job, JobEvent, JobKind, JobList

if TYPE_CHECKING:
    from indexes.catalog.queue.forecast import Forecast
    from indexes.catalog.records import JobRow

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])

EVENTS_PER_READ = 200


@router.get("", summary="List the latest jobs", responses=responses(), dependencies=[hold_while_processing("catalog")])
def list_jobs(
    service: ServiceDep,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    kind: Annotated[JobKind, Query(description="Only jobs of this kind.")] = "ingest",
) -> JobList:
    """Newest first."""
    return JobList(data=[_serialize(service, row) for row in service.store.catalog.list_jobs(limit, kind)])


@router.get(
    "/{job_id}",
    summary="Get a job",
    responses={200: JOB_LINKS, **responses(NotFound)},
    dependencies=[hold_while_processing("catalog")],
)
def get_job(job_id: str, service: ServiceDep) -> Job:
    """State, progress, position in the queue, estimated time left, and the reason of a failure."""
    return _serialize(service, _get_row(service, job_id))


@router.post(
    "/{job_id}/cancel",
    summary="Cancel a job",
    responses=responses(NotFound, Conflict),
    dependencies=[hold_while_processing("catalog")],
)
def cancel_job(job_id: str, service: ServiceDep) -> Job:
    """Its item is kept, with the status `cancelled`; uploading the same bytes again starts a new
    job."""
    job = _get_row(service, job_id)
    if job.state in FINAL_STATES and job.state != "cancelled":
        raise Conflict(f"The job {job_id} is already {job.state} and cannot be cancelled.")
    service.store.catalog.cancel_job(job_id, current_actor())
    return serialize_job(_get_row(service, job_id))


@router.get(
    "/{job_id}/events",
    summary="Follow a job",
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "Server-sent events named `job`, each a `JobEvent`; if the key is revoked meanwhile, an event named "
            "`unauthorized`, a `Problem`, ends the stream",
            "content": {sse.MEDIA_TYPE: {}},
        },
        204: {"description": "The job has finished, and the client has received every event"},
        **responses(NotFound),
    },
    dependencies=[hold_while_sending("event_streams")],
)
async def job_events(
    job_id: str, request: Request, service: ServiceDep, limits: LimitsDep, last_event_id: Annotated[str | None, Header()] = None
) -> Response:
    """From the first event, or after `Last-Event-ID`; the stream ends after a final state."""
    if last_event_id is not None and not (last_event_id.isascii() and last_event_id.isdigit() and len(last_event_id) < 19):
        raise InvalidInput(f"Last-Event-ID is {last_event_id[:40]!r}; it must be the id of an event.")
    after = int(last_event_id or 0)

    def read(after_id: int) -> list[JobEvent]:
        rows = service.store.catalog.list_events_after(job_id, after_id, EVENTS_PER_READ)
        return [
            *map(serialize_event, rows[:-1]),
            *(serialize_event(row, _forecast(service, job_id, row.state)) for row in rows[-1:]),
        ]

    job = await limits.events.run(_get_row, service, job_id)
    if job.state in FINAL_STATES and not await limits.events.run(read, after):
        return Response(status_code=204)  # an EventSource does not reconnect after 204
    client = get_client_id(request.scope)
    events = sse.stream(
        lambda after_id: limits.events.run(read, after_id),
        after,
        lambda: sse.get_poll_interval(limits.event_streams.count_in_use(client)),
    )
    return sse.respond(events)


def _serialize(service: Service, row: JobRow) -> Job:
    return serialize_job(row, _forecast(service, row.id, row.state))


def _forecast(service: Service, job_id: str, state: str) -> Forecast | None:
    return None if state in FINAL_STATES else service.forecasts.get(job_id)


def _get_row(service: Service, job_id: str) -> JobRow:
    row = service.store.catalog.get_job(job_id)
    if row is None:
        raise NotFound(f"There is no job {job_id!r}.")
    return row
