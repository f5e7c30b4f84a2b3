"""The steps of a job as they happen, over server-sent events that survive a broken connection."""

from __future__ import annotations

from pydantic import ValidationError

from mm.client.responses import parse_error
from mm.client.steps import Close, Flow, OpenStream, ReadLine, Sleep, Stream
from mm.errors import Unauthorized, Unavailable
from mm.schemas import FINAL_STATES, JobEvent, Problem

SILENCE_SECONDS = 30.0  # the service sends a comment every 10 s
PAUSES = (0.2, 0.5, 1.0, 2.0, 4.0, 8.0, 8.0)  # seconds before each new try; any event starts anew


class EventStream:
    """Events of one job behind `after`, each as often as it says something new. Reads on after a
    break, by Last-Event-ID."""

    def __init__(self, job_id: str, after: int = 0) -> None:
        self._job_id = job_id
        self._after = after
        self._latest: JobEvent | None = None
        self._stream: Stream | None = None
        self._over = False
        self._breaks = 0

    def next(self) -> Flow[JobEvent | None]:
        """The next event, `None` behind a final one. Raises `Unavailable` when the service stays
        away, `NotFound`, `Unauthorized` when the key was revoked meanwhile.
        """
        while not self._over:
            try:
                event = yield from self._event()
            except Unavailable:
                yield from self.close()
                if self._breaks == len(PAUSES):
                    raise
                yield from Sleep(PAUSES[self._breaks])
                self._breaks += 1
                continue
            if event is not None and self._is_new(event):
                self._after, self._latest, self._breaks = event.id, event, 0
                self._over = event.state in FINAL_STATES
                return event
        yield from self.close()
        return None

    def _is_new(self, event: JobEvent) -> bool:
        """An event that was seen here may come again, when its job's position or time left has
        changed."""
        again = self._latest is not None and event.id == self._after and event != self._latest
        return event.id > self._after or again

    def close(self) -> Flow[None]:
        """Let go of the connection, if there is one."""
        stream, self._stream = self._stream, None
        if stream is not None:
            yield from Close(stream)

    def _event(self) -> Flow[JobEvent | None]:
        stream = self._stream or (yield from self._open())
        name, data = "", list[str]()
        while not self._over:
            line = yield from ReadLine(stream)
            if line is None:
                raise Unavailable(f"{stream.reply.url} ended before the job did.")
            if line.startswith("event:"):
                name = line.removeprefix("event:").strip()
            if line.startswith("data:"):
                data.append(line.removeprefix("data:").removeprefix(" "))
            if line == "" and data and name == Unauthorized.slug:
                raise _refusal("\n".join(data), stream)
            if line == "" and data:
                return _parse("\n".join(data), stream)
        return None

    def _open(self) -> Flow[Stream]:
        headers = {"Accept": "text/event-stream"}
        if self._after:
            headers["Last-Event-ID"] = str(self._after)
        self._stream = stream = yield from OpenStream(f"/v1/jobs/{self._job_id}/events", headers, SILENCE_SECONDS)
        self._over = stream.reply.status == 204  # every event was seen
        if not self._over and stream.reply.status != 200:
            raise parse_error(stream.reply)
        return stream


def _refusal(data: str, stream: Stream) -> Unauthorized:
    """The service ended the stream: the key was revoked."""
    try:
        return Unauthorized(Problem.model_validate_json(data).detail)
    except ValidationError:
        return Unauthorized(f"{stream.reply.url} does not accept the API key any more.")


def _parse(data: str, stream: Stream) -> JobEvent:
    try:
        return JobEvent.model_validate_json(data)
    except ValidationError as error:
        raise Unavailable(f"{stream.reply.url} sent an event that is none.") from error
