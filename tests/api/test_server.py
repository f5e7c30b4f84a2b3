"""The server of `python -m api`: its main loop and its default headers."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from email.utils import parsedate_to_datetime
from pathlib import Path

import pytest
import uvicorn

from api.server import DatedState, Server


def server(tmp_path: Path) -> Server:
    return Server(uvicorn.Config(app=lambda: None), tmp_path / "api.json", ("127.0.0.1", 0))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_main_loop_until_a_signal_uses_no_timer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals) -> None:
    async def run() -> None:
        loop = asyncio.get_running_loop()
        waiting = loop.create_task(waiter.main_loop())
        await run_ready_tasks()
        monkeypatch.setattr(loop, "call_at", lambda *args, **kwargs: pytest.fail("a timer was set"))
        await run_ready_tasks()
        assert not waiting.done()
        os.kill(os.getpid(), number)
        await waiting

    waiter = server(tmp_path)
    asyncio.run(run())
    assert waiter.should_exit


def test_main_loop_after_early_signal_returns_at_once(tmp_path: Path) -> None:
    early = server(tmp_path)
    early.should_exit = True
    asyncio.run(early.main_loop())


async def run_ready_tasks() -> None:
    """Run all tasks that are ready."""
    for _ in range(10):
        await asyncio.sleep(0)


def test_dated_state_header_has_current_second(monkeypatch: pytest.MonkeyPatch) -> None:
    state = DatedState()
    for now in (1_000_000_000.9, 1_000_000_001.0):
        monkeypatch.setattr(time, "time", lambda now=now: now)
        ((name, value),) = state.default_headers
        assert name == b"date"
        assert parsedate_to_datetime(value.decode()).timestamp() == int(now)
