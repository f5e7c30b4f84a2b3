"""The events of a job over server-sent events, resumed after a broken connection."""

from __future__ import annotations

from pydantic import ValidationError

from mm.client.paths import job_path
from mm.client.responses import parse_error, parse_event
from mm.client.steps import Close, Flow, OpenStream, ReadLine, Sleep, Stream
from mm.errors import Unauthorized, Unavailable
from mm.schemas import FINAL_STATES, JobEvent, Problem

TIMEOUT_SECONDS = 30.0  # the service sends a comment every 10 s
PAUSES = (0.2, 0.5, 1.0, 2.0, 4.0, 8.0, 8.0)  # seconds before each retry; an event resets the count


class EventStream:
    """The events of one job after the event `after`; resumes with Last-Event-ID.

    An event is returned again only when its content has changed.
    """

    def __init__(self, job_id: str, after: int = 0) -> None:
        """Raises `InvalidInput` for what cannot be an id."""
        self._path = f"{job_path(job_id)}/events"
        self._after = after
        self._latest: JobEvent | None = None
        self._stream: Stream | None = None
        self._is_complete = False
        self._num_retries = 0

    def next(self) -> Flow[JobEvent | None]:
        """Return the next event; `None` after a final one.

        Raises `Unavailable` when all retries fail, `NotFound`, and `Unauthorized` when the key was
        revoked meanwhile.
        """
        while not self._is_complete:
            try:
                event = yield from self._read_event()
            except Unavailable:
                yield from self.close()
                if self._num_retries == len(PAUSES):
                    raise
                yield from Sleep(PAUSES[self._num_retries])
                self._num_retries += 1
                continue
            if event is not None and self._is_new(event):
                self._after, self._latest, self._num_retries = event.id, event, 0
                self._is_complete = event.state in FINAL_STATES
                return event
        yield from self.close()
        return None

    def _is_new(self, event: JobEvent) -> bool:
        """The service sends the latest event again when its position or time left changes."""
        has_changed = self._latest is not None and event.id == self._after and event != self._latest
        return event.id > self._after or has_changed

    def close(self) -> Flow[None]:
        """Close the connection, if it is open."""
        stream, self._stream = self._stream, None
        if stream is not None:
            yield from Close(stream)

    def _read_event(self) -> Flow[JobEvent | None]:
        stream = self._stream or (yield from self._open())
        name, data = "", list[str]()
        while not self._is_complete:
            line = yield from ReadLine(stream)
            if line is None:
                raise Unavailable(f"The event stream {stream.response.url} ended before the job finished.")
            if line.startswith("event:"):
                name = line.removeprefix("event:").strip()
            if line.startswith("data:"):
                data.append(line.removeprefix("data:").removeprefix(" "))
            if line == "" and data and name == Unauthorized.slug:
                raise _parse_unauthorized("\n".join(data), stream)
            if line == "" and data:
                return parse_event("\n".join(data), JobEvent, stream.response.url)
        return None

    def _open(self) -> Flow[Stream]:
        headers = {"Accept": "text/event-stream"}
        if self._after:
            headers["Last-Event-ID"] = str(self._after)
        self._stream = stream = yield from OpenStream(self._path, headers, TIMEOUT_SECONDS)
        self._is_complete = stream.response.status == 204  # the final event was received before
        if not self._is_complete and stream.response.status != 200:
            raise parse_error(stream.response)
        return stream


def _parse_unauthorized(data: str, stream: Stream) -> Unauthorized:
    """The error of an event named `unauthorized`, which ends the stream of a revoked key."""
    try:
        return Unauthorized(Problem.model_validate_json(data).detail)
    except ValidationError:
        return Unauthorized(f"{stream.response.url} no longer accepts the API key.")
