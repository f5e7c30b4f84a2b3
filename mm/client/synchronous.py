"""The client that blocks."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Self, TypeVar

import httpx2

from mm.client.events import EventStream
from mm.client.flows import segment
from mm.client.steps import Close, Flow, OpenStream, ReadLine, Response, Send, Sleep, Step, Stream
from mm.client.transport import DEFAULT_SECONDS, DEFAULT_URL, Address, blocks, build_headers, build_response, open_form_files
from mm.client.verbs import Verbs
from mm.schemas import JobEvent

T = TypeVar("T")


class _Open(Stream):
    def __init__(self, reply: Response, response: httpx2.Response) -> None:
        self.reply = reply
        self.response = response
        self.lines = response.iter_lines()


class Driver:
    """Takes the steps of a flow, blocking."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._http = httpx2.Client(
            base_url=address.url, timeout=address.timeout, trust_env=address.uses_proxy, headers=address.headers
        )

    def run(self, flow: Flow[T]) -> T:
        """The result of a flow."""
        result: object = None
        error: BaseException | None = None
        try:
            while True:
                step = flow.send(result) if error is None else flow.throw(error)
                result = error = None
                try:
                    result = self._take(step)
                except BaseException as raised:  # noqa: BLE001  the flow decides; an interruption too must let it clean up
                    error = raised
        except StopIteration as stop:
            value: T = stop.value
            return value

    def close(self) -> None:
        """Let go of all connections."""
        self._http.close()

    def _take(self, step: Step[object]) -> object:
        match step:
            case Send():
                return self._send(step)
            case OpenStream():
                return self._listen(step)
            case ReadLine(stream=_Open() as stream):
                with self._address.translate_errors():
                    return next(stream.lines, None)
            case Close(stream=_Open() as stream):
                stream.response.close()
            case Sleep():
                time.sleep(step.seconds)
            case _:
                raise TypeError(f"no such step: {step}")
        return None

    def _send(self, step: Send) -> Response:
        with self._address.translate_errors(), open_form_files(step.parts) as files:
            response = self._http.request(
                step.method,
                step.path,
                params=step.params,
                headers=build_headers(step),
                json=step.json,
                data=step.form,
                files=files,
                content=None if step.body is None else blocks(step.body),
            )
            return build_response(response, response.content)

    def _listen(self, step: OpenStream) -> Stream:
        timeout = httpx2.Timeout(step.silence, connect=self._address.timeout.connect)
        with self._address.translate_errors():
            request = self._http.build_request("GET", step.path, headers=step.headers, timeout=timeout)
            response = self._http.send(request, stream=True)
            body = b"" if response.status_code == httpx2.codes.OK else response.read()
            return _Open(build_response(response, body), response)


class Client(Verbs, Driver):
    """A running service, from Python. Use it as a context manager, or `close` it.

    Every verb raises the error of `mm.errors` that the service answered with, and `Unavailable`
    when none answers.
    """

    def __init__(self, url: str = DEFAULT_URL, *, timeout: float = DEFAULT_SECONDS, api_key: str | None = None) -> None:
        """`timeout` is the longest silence of the service, in seconds; `api_key` defaults to
        MM_API_KEY.

        Raises `InvalidInput` for a bad URL.
        """
        super().__init__(Address.parse(url, timeout, api_key))
        self.url = self._address.url

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def events(self, job_id: str, *, after: int = 0) -> Iterator[JobEvent]:
        """The steps of a job behind event `after`, as they happen, up to its final state; goes on
        after a broken connection."""
        feed = EventStream(segment(job_id), after)
        try:
            while (event := self.run(feed.next())) is not None:
                yield event
        finally:
            self.run(feed.close())
