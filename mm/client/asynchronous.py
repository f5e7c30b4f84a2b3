"""The client that is awaited, on asyncio."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
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
        self.lines = response.aiter_lines()


class AsyncDriver:
    """Takes the steps of a flow, awaiting them."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._http = httpx2.AsyncClient(
            base_url=address.url, timeout=address.timeout, trust_env=address.uses_proxy, headers=address.headers
        )

    async def run(self, flow: Flow[T]) -> T:
        """The result of a flow."""
        result: object = None
        error: BaseException | None = None
        try:
            while True:
                step = flow.send(result) if error is None else flow.throw(error)
                result = error = None
                try:
                    result = await self._take(step)
                except BaseException as raised:  # noqa: BLE001  the flow decides; a cancellation too must let it clean up
                    error = raised
        except StopIteration as stop:
            value: T = stop.value
            return value

    async def close(self) -> None:
        """Let go of all connections."""
        await self._http.aclose()

    async def _take(self, step: Step[object]) -> object:
        match step:
            case Send():
                return await self._send(step)
            case OpenStream():
                return await self._listen(step)
            case ReadLine(stream=_Open() as stream):
                with self._address.translate_errors():
                    return await anext(stream.lines, None)
            case Close(stream=_Open() as stream):
                await stream.response.aclose()
            case Sleep():
                await asyncio.sleep(step.seconds)
            case _:
                raise TypeError(f"no such step: {step}")
        return None

    async def _send(self, step: Send) -> Response:
        with self._address.translate_errors(), open_form_files(step.parts) as files:
            response = await self._http.request(
                step.method,
                step.path,
                params=step.params,
                headers=build_headers(step),
                json=step.json,
                data=step.form,
                files=files,
                content=None if step.body is None else _in_threads(blocks(step.body)),
            )
            return build_response(response, response.content)

    async def _listen(self, step: OpenStream) -> Stream:
        timeout = httpx2.Timeout(step.silence, connect=self._address.timeout.connect)
        with self._address.translate_errors():
            request = self._http.build_request("GET", step.path, headers=step.headers, timeout=timeout)
            response = await self._http.send(request, stream=True)
            body = b"" if response.status_code == httpx2.codes.OK else await response.aread()
            return _Open(build_response(response, body), response)


async def _in_threads(source: Iterator[bytes]) -> AsyncIterator[bytes]:
    """Blocks that are read from disk without holding up the loop."""
    while (block := await asyncio.to_thread(next, source, None)) is not None:
        yield block


class AsyncClient(Verbs, AsyncDriver):
    """A running service, from asyncio: the verbs of `Client`, awaited. Use it as an async context
    manager, or `close` it.

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

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.close()

    async def events(self, job_id: str, *, after: int = 0) -> AsyncIterator[JobEvent]:
        """The steps of a job behind event `after`, as they happen, up to its final state; goes on
        after a broken connection."""
        feed = EventStream(segment(job_id), after)
        try:
            while (event := await self.run(feed.next())) is not None:
                yield event
        finally:
            await self.run(feed.close())
