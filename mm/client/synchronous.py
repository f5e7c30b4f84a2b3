"""The blocking client."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Literal, Self, TypeVar, overload

import httpx2

from mm.client.events import EventStream, PartStream
from mm.client.flows.chat import Media, TextStream, build_prompt_body, complete
from mm.client.groups import Albums, Evaluations, Exports, Inspections, Inspectors, Lesions, Scales, Searches
from mm.client.steps import Close, Driver, Flow, OpenStream, ReadLine, Response, Send, Sleep, Step, Stream
from mm.client.transport import (
    DEFAULT_SECONDS,
    DEFAULT_URL,
    Address,
    build_headers,
    build_response,
    open_form_files,
    read_blocks,
)
from mm.client.verbs import Verbs
from mm.schemas import JobEvent, LinePart

T = TypeVar("T")


class _HTTPStream(Stream):
    def __init__(self, response: Response, http_response: httpx2.Response) -> None:
        self.response = response
        self.http_response = http_response
        self.lines = http_response.iter_lines()


class HTTPDriver(Driver):
    """Performs the steps of a flow with a blocking HTTP client."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._http = httpx2.Client(
            base_url=address.url,
            timeout=address.timeout,
            trust_env=address.uses_proxy,
            headers=address.headers,
            verify=address.verify,
        )

    def run(self, flow: Flow[T]) -> T:
        result: object = None
        error: BaseException | None = None
        try:
            while True:
                step = flow.send(result) if error is None else flow.throw(error)
                result = error = None
                try:
                    result = self._perform(step)
                except BaseException as raised:  # noqa: BLE001  an interruption must also let the flow clean up
                    error = raised
        except StopIteration as stop:
            value: T = stop.value
            return value

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    def _perform(self, step: Step[object]) -> object:
        match step:
            case Send():
                return self._send(step)
            case OpenStream():
                return self._open_stream(step)
            case ReadLine(stream=_HTTPStream() as stream):
                with self._address.translate_errors():
                    return next(stream.lines, None)
            case Close(stream=_HTTPStream() as stream):
                stream.http_response.close()
            case Sleep():
                time.sleep(step.seconds)
            case _:
                raise TypeError(f"unknown step: {step}")
        return None

    def _send(self, step: Send) -> Response:
        with self._address.translate_errors(), open_form_files(step.files) as files:
            response = self._http.request(
                step.method,
                step.path,
                params=step.params,
                headers=build_headers(step),
                json=step.json,
                data=step.form,
                files=files,
                content=None if step.body is None else read_blocks(step.body),
            )
            return build_response(response, response.content)

    def _open_stream(self, step: OpenStream) -> Stream:
        timeout = httpx2.Timeout(step.timeout_seconds, connect=self._address.timeout.connect)
        with self._address.translate_errors():
            request = self._http.build_request(step.method, step.path, headers=step.headers, timeout=timeout, json=step.json)
            response = self._http.send(request, stream=True)
            body = b"" if response.status_code == httpx2.codes.OK else response.read()
            return _HTTPStream(build_response(response, body), response)


class Client(Verbs, HTTPDriver):
    """A blocking client of a running service. Use it as a context manager, or call `close`.

    Every method raises the error of `mm.errors` that the service reports, and `Unavailable` when
    no service responds.
    """

    def __init__(self, url: str = DEFAULT_URL, *, timeout: float = DEFAULT_SECONDS, api_key: str | None = None) -> None:
        """`timeout` is the maximum time without a byte from the service, in seconds; `api_key`
        defaults to MM_API_KEY.

        Raises `InvalidInput` for an invalid URL or key.
        """
        super().__init__(Address.parse(url, timeout, api_key))
        self.url = self._address.url
        self.inspectors = Inspectors(self)
        self.inspections = Inspections(self)
        self.scales = Scales(self)
        self.evaluations = Evaluations(self)
        self.lesions = Lesions(self)
        self.albums = Albums(self)
        self.searches = Searches(self)
        self.exports = Exports(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    @overload
    def generate(
        self, prompt: str, *, media: Media | Sequence[Media] | None = None, max_tokens: int | None = None,
        temperature: float | None = None, expert_preference: Sequence[str] = (), stream: Literal[False] = False,
    ) -> str: ...  # fmt: skip
    @overload
    def generate(
        self, prompt: str, *, media: Media | Sequence[Media] | None = None, max_tokens: int | None = None,
        temperature: float | None = None, expert_preference: Sequence[str] = (), stream: Literal[True],
    ) -> Iterator[str]: ...  # fmt: skip
    def generate(
        self,
        prompt: str,
        *,
        media: Media | Sequence[Media] | None = None,
        max_tokens: int | None = None,
        temperature: float | None = None,
        expert_preference: Sequence[str] = (),
        stream: bool = False,
    ) -> str | Iterator[str]:
        """Generate text from a prompt and media: items of the library or their ids, image and audio
        files, or the bytes of an image.

        With `stream`, returns an iterator of the text as it is generated; ending it early cancels
        the rest. Raises as `chat`.
        """
        body = build_prompt_body(prompt, media, max_tokens, temperature, expert_preference)
        if stream:
            return self._stream_text(TextStream(body))
        return self.run(complete(body)).choices[0].message.content or ""

    def _stream_text(self, stream: TextStream) -> Iterator[str]:
        try:
            while (text := self.run(stream.next())) is not None:
                yield text
        finally:
            self.run(stream.close())

    def events(self, job_id: str, *, after: int = 0) -> Iterator[JobEvent]:
        """Yield the events of a job after event `after`, as they occur, up to its final state.

        Resumes after a broken connection.
        """
        stream = EventStream(job_id, after)
        try:
            while (event := self.run(stream.next())) is not None:
                yield event
        finally:
            self.run(stream.close())

    def line_events(self, name: str, *, after: int = 0) -> Iterator[LinePart]:
        """Yield the verdicts of a line after a sequence number, as they occur, without an end; a
        negative `after` counts from the last.

        Resumes after a broken connection. Raises `NotFound`, also when the line is deleted.
        """
        stream = PartStream(name, after)
        try:
            while (part := self.run(stream.next())) is not None:
                yield part
        finally:
            self.run(stream.close())
