"""Server-sent events of a job and of a line, resumed after a broken connection."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Generic, TypeVar

from pydantic import BaseModel, ValidationError

from mm.client.paths import job_path, quote_id
from mm.client.responses import parse_error, parse_event
from mm.client.steps import Close, Flow, OpenStream, ReadLine, Sleep, Stream
from mm.errors import Unauthorized, Unavailable
from mm.schemas import FINAL_STATES, JobEvent, LinePart, Problem

M = TypeVar("M", bound=BaseModel)

TIMEOUT_SECONDS = 30.0  # the service sends a comment every 10 s
PAUSES = (0.2, 0.5, 1.0, 2.0, 4.0, 8.0, 8.0)  # seconds before each retry; an event resets the count


class ServerEvents(ABC, Generic[M]):
    """The events of one path after the event `after`; resumes with Last-Event-ID."""

    schema: type[M]

    def __init__(self, path: str, after: int) -> None:
        self._path = path
        self._after = after
        self._stream: Stream | None = None
        self._is_complete = False
        self._num_retries = 0

    @abstractmethod
    def _get_id(self, event: M) -> int:
        """The id after which the stream resumes."""

    def _is_new(self, event: M) -> bool:
        return self._get_id(event) > self._after

    def _is_final(self, event: M) -> bool:
        """Whether no event follows."""
        return False

    def next(self) -> Flow[M | None]:
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
                self._after, self._num_retries = self._get_id(event), 0
                self._is_complete = self._is_final(event)
                return event
        yield from self.close()
        return None

    def close(self) -> Flow[None]:
        """Close the connection, if it is open."""
        stream, self._stream = self._stream, None
        if stream is not None:
            yield from Close(stream)

    def _read_event(self) -> Flow[M | None]:
        stream = self._stream or (yield from self._open())
        name, data = "", list[str]()
        while not self._is_complete:
            line = yield from ReadLine(stream)
            if line is None:
                raise Unavailable(f"The event stream {stream.response.url} ended too early.")
            if line.startswith("event:"):
                name = line.removeprefix("event:").strip()
            if line.startswith("data:"):
                data.append(line.removeprefix("data:").removeprefix(" "))
            if line == "" and data and name == Unauthorized.slug:
                raise _parse_unauthorized("\n".join(data), stream)
            if line == "" and data:
                return parse_event("\n".join(data), self.schema, stream.response.url)
        return None

    def _open(self) -> Flow[Stream]:
        headers = {"Accept": "text/event-stream"}
        path = self._path
        if self._after > 0:
            headers["Last-Event-ID"] = str(self._after)
        elif self._after < 0:
            path = f"{path}?after={self._after}"
        self._stream = stream = yield from OpenStream(path, headers, TIMEOUT_SECONDS)
        self._is_complete = stream.response.status == 204  # the final event was received before
        if not self._is_complete and stream.response.status != 200:
            raise parse_error(stream.response)
        return stream


class EventStream(ServerEvents[JobEvent]):
    """The events of one job. An event is returned again only when its content has changed."""

    schema = JobEvent

    def __init__(self, job_id: str, after: int = 0) -> None:
        """Raises `InvalidInput` for what cannot be an id."""
        super().__init__(f"{job_path(job_id)}/events", after)
        self._latest: JobEvent | None = None

    def _get_id(self, event: JobEvent) -> int:
        return event.id

    def _is_new(self, event: JobEvent) -> bool:
        """The service sends the latest event again when its position or time left changes."""
        has_changed = self._latest is not None and event.id == self._after and event != self._latest
        is_new = super()._is_new(event) or has_changed
        if is_new:
            self._latest = event
        return is_new

    def _is_final(self, event: JobEvent) -> bool:
        return event.state in FINAL_STATES


class PartStream(ServerEvents[LinePart]):
    """The verdicts of one line after a sequence number, without an end.

    A negative `after` counts from the last verdict.
    """

    schema = LinePart

    def __init__(self, name: str, after: int = 0) -> None:
        """Raises `InvalidInput` for what cannot be a name."""
        super().__init__(f"/v1/lines/{quote_id(name)}/events", after)

    def _get_id(self, event: LinePart) -> int:
        return event.sequence


def _parse_unauthorized(data: str, stream: Stream) -> Unauthorized:
    """The error of an event named `unauthorized`, which ends the stream of a revoked key."""
    try:
        return Unauthorized(Problem.model_validate_json(data).detail)
    except ValidationError:
        return Unauthorized(f"{stream.response.url} no longer accepts the API key.")
