"""Repeated refusals are delayed, separately for each client; other responses are not."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from api.limits.refusals import IMMEDIATE_PER_MINUTE, MAX_SECONDS, MIN_SECONDS, DelayedRefusals

if TYPE_CHECKING:
    from starlette.types import Message, Receive, Scope, Send


def test_delayed_refusals_delay_repeated_429_only() -> None:
    delays: list[float] = []
    sent: list[int] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": scope["status"], "headers": []})

    async def receive() -> Message:
        raise AssertionError

    async def send(message: Message) -> None:
        sent.append(message["status"])

    async def sleep(seconds: float) -> None:
        delays.append(seconds)

    async def ask(refusals: DelayedRefusals, address: str, status: int, times: int) -> int:
        before = len(delays)
        for _ in range(times):
            await refusals({"type": "http", "client": (address, 1), "status": status}, receive, send)
        return len(delays) - before

    async def run() -> None:
        refusals = DelayedRefusals(app, sleep)
        assert await ask(refusals, "10.0.0.1", 200, 1000) == 0
        assert await ask(refusals, "10.0.0.1", 429, IMMEDIATE_PER_MINUTE) == 0
        assert await ask(refusals, "10.0.0.1", 429, 100) >= 90  # a few tokens are added meanwhile
        assert await ask(refusals, "10.0.0.2", 429, 5) == 0
        assert await ask(refusals, "10.0.0.1", 404, 100) == 0

    asyncio.run(run())
    assert len(sent) == 1000 + IMMEDIATE_PER_MINUTE + 100 + 5 + 100
    assert all(MIN_SECONDS <= delay <= MAX_SECONDS for delay in delays)
    assert len(set(delays)) > len(delays) // 2, "delays are random"
