"""Jobs: list, get, cancel, wait."""

from __future__ import annotations

from collections.abc import Callable

from mm.client.events import EventStream
from mm.client.paths import job_path
from mm.client.responses import parse_body
from mm.client.steps import Flow, Send
from mm.schemas import Job, JobEvent, JobKind, JobList

OnProgress = Callable[[float, str], None]
"""Called with the progress of the current stage, 0 to 1, and a description of the stage."""


def job(job_id: str) -> Flow[Job]:
    """Get a job. Raises `NotFound`."""
    return parse_body((yield from Send("GET", job_path(job_id))), Job)


def jobs(*, limit: int = 50, kind: JobKind = "ingest") -> Flow[list[Job]]:
    """List the latest jobs of a kind, newest first."""
    return parse_body((yield from Send("GET", "/v1/jobs", params={"limit": limit, "kind": kind})), JobList).data


def cancel(job_id: str) -> Flow[Job]:
    """Cancel a job. Raises `NotFound`, and `Conflict` when it has finished."""
    return parse_body((yield from Send("POST", f"{job_path(job_id)}/cancel")), Job)


def wait_for(job_id: str, *, on_progress: OnProgress | None = None) -> Flow[Job]:
    """Wait until a job is in a final state, and return it. Raises `NotFound`."""
    stream = EventStream(job_id)
    try:
        while (event := (yield from stream.next())) is not None:
            if on_progress is not None:
                on_progress(event.progress, describe_event(event))
    finally:
        yield from stream.close()
    return (yield from job(job_id))


def describe_event(event: JobEvent) -> str:
    """Describe the stage of a job, its position in the queue and the time left."""
    phrases = [event.stage]
    if event.position is not None:
        phrases.append(f"jobs before it: {event.position}")
    if event.seconds_left is not None:
        phrases.append(f"about {_format_duration(event.seconds_left)} left")
    return ", ".join(phrases)


def _format_duration(seconds: float) -> str:
    for unit, length in (("h", 3600.0), ("min", 60.0)):
        if seconds >= 1.5 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"
