"""Bodies that stop or drip, and those that come at a fair rate."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.limits.body_timeouts import BodyProgress, BodyTimeouts
from mm.errors import RequestTimeout
from mm.settings import Settings

if TYPE_CHECKING:
    from starlette.types import Message, Receive, Scope, Send


@given(st.lists(st.tuples(st.floats(0, 100), st.integers(0, 10**6)), max_size=50), st.floats(0.1, 100), st.floats(1, 10**5))
def test_pace_allows_what_comes_at_the_rate_and_bounds_the_whole_wait(
    pieces: list[tuple[float, int]], silence: float, rate: float
) -> None:
    pace = BodyProgress(silence, rate)
    for wait, size in pieces:
        assert pace.left <= silence
        if wait > pace.left:  # BodyTimeouts ends the body here
            assert wait > silence or pace.waited + wait > silence + pace.received / rate
            return
        pace.waited += wait
        pace.received += size
    assert pace.waited <= silence + pace.received / rate


def paced(pieces: list[tuple[float, bytes]], *, answer_first: bool = False) -> list[Message]:
    """What an application receives of a body whose pieces come after so many seconds; an answer may
    be begun before."""
    received: list[Message] = []
    left = list(pieces)

    async def receive() -> Message:
        wait, body = left.pop(0)
        await asyncio.sleep(wait)
        return {"type": "http.request", "body": body, "more_body": bool(left)}

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if answer_first:
            await send({"type": "http.response.start", "status": 200, "headers": []})
        while True:
            received.append(await receive())
            if not received[-1].get("more_body"):
                return

    async def send(message: Message) -> None:
        pass

    settings = Settings(body_silence_seconds=0.05, body_bytes_per_second=1000)
    asyncio.run(BodyTimeouts(app, settings)({"type": "http"}, receive, send))
    return received


def test_body_that_stops_is_a_request_timeout() -> None:
    with pytest.raises(RequestTimeout, match="MM_BODY_SILENCE_SECONDS"):
        paced([(0, b"x"), (3600, b"y")])


def test_body_that_drips_is_a_request_timeout() -> None:
    with pytest.raises(RequestTimeout, match="MM_BODY_"):
        paced([(0.01, b"x")] * 10_000)


def test_body_that_comes_at_once_is_whole() -> None:
    received = paced([(0, b"x" * 10)] * 1000)
    assert b"".join(message["body"] for message in received) == b"x" * 10_000


def test_body_that_stops_behind_the_answer_is_a_disconnect() -> None:
    assert paced([(0, b"x"), (3600, b"y")], answer_first=True)[-1] == {"type": "http.disconnect"}


def test_waiting_for_a_disconnect_behind_the_body_has_no_limit() -> None:
    async def run() -> Message:
        messages: list[Message] = [{"type": "http.request", "body": b"", "more_body": False}, {"type": "http.disconnect"}]

        async def receive() -> Message:
            if len(messages) == 1:
                await asyncio.sleep(0.2)  # many times the longest silence of a body
            return messages.pop(0)

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await receive()
            found.append(await receive())

        async def send(message: Message) -> None:
            pass

        found: list[Message] = []
        await BodyTimeouts(app, Settings(body_silence_seconds=0.02))({"type": "http"}, receive, send)
        return found[0]

    assert asyncio.run(run()) == {"type": "http.disconnect"}
