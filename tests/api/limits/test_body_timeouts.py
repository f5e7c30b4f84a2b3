"""Timeouts of bodies that stall or are slow, and bodies that arrive in time."""

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
def test_body_progress_allows_minimum_rate_and_bounds_wait(chunks: list[tuple[float, int]], silence: float, rate: float) -> None:
    progress = BodyProgress(silence, rate)
    for wait, size in chunks:
        assert progress.seconds_left <= silence
        if wait > progress.seconds_left:  # BodyTimeouts raises here
            # Not `>`: a wait can be too short to change the sum.
            assert wait > silence or progress.waited_seconds + wait >= silence + progress.num_received / rate
            return
        progress.waited_seconds += wait
        progress.num_received += size
    assert progress.waited_seconds <= silence + progress.num_received / rate


def receive_body(chunks: list[tuple[float, bytes]], *, respond_first: bool = False) -> list[Message]:
    """Return what an application receives of a body, given as (delay in seconds, bytes) chunks; the
    response may start before."""
    received: list[Message] = []
    left = list(chunks)

    async def receive() -> Message:
        wait, body = left.pop(0)
        await asyncio.sleep(wait)
        return {"type": "http.request", "body": body, "more_body": bool(left)}

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if respond_first:
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


def test_body_timeouts_of_stalled_body_raise_request_timeout() -> None:
    with pytest.raises(RequestTimeout, match="MM_BODY_SILENCE_SECONDS"):
        receive_body([(0, b"x"), (3600, b"y")])


def test_body_timeouts_of_slow_body_raise_request_timeout() -> None:
    with pytest.raises(RequestTimeout, match="MM_BODY_"):
        receive_body([(0.01, b"x")] * 10_000)


def test_body_timeouts_pass_fast_body() -> None:
    received = receive_body([(0, b"x" * 10)] * 1000)
    assert b"".join(message["body"] for message in received) == b"x" * 10_000


def test_body_timeouts_after_response_start_return_disconnect() -> None:
    assert receive_body([(0, b"x"), (3600, b"y")], respond_first=True)[-1] == {"type": "http.disconnect"}


def test_body_timeouts_do_not_limit_wait_for_disconnect() -> None:
    async def run() -> Message:
        messages: list[Message] = [{"type": "http.request", "body": b"", "more_body": False}, {"type": "http.disconnect"}]

        async def receive() -> Message:
            if len(messages) == 1:
                await asyncio.sleep(0.2)  # many times the maximum silence of a body
            return messages.pop(0)

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await receive()
            received.append(await receive())

        async def send(message: Message) -> None:
            pass

        received: list[Message] = []
        await BodyTimeouts(app, Settings(body_silence_seconds=0.02))({"type": "http"}, receive, send)
        return received[0]

    assert asyncio.run(run()) == {"type": "http.disconnect"}
