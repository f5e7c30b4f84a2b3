"""`CommitThread`: calls at the start, after commits and after errors."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs

from indexes import Store
from indexes.catalog.changes import watch
from indexes.catalog.changes.commit_thread import CommitThread
from indexes.catalog.changes.watch import CatalogWatch
from mm.errors import Unavailable
from tests.indexes.library import add_planned_job

if TYPE_CHECKING:
    from collections.abc import Callable

WAIT_SECONDS = 30.0
POLL_SECONDS = 0.02
NEVER = 1e6


class Calls:
    """Counts calls, and blocks until a number of them."""

    def __init__(self, outcome: Callable[[int], float | None]) -> None:
        self._outcome, self._changed, self.count = outcome, threading.Condition(), 0

    def __call__(self) -> float | None:
        with self._changed:
            self.count += 1
            self._changed.notify_all()
            number = self.count
        return self._outcome(number)

    def wait_for(self, count: int) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: self.count >= count, WAIT_SECONDS)


@pytest.fixture
def watched(sqlite_store: Store, monkeypatch: pytest.MonkeyPatch) -> CatalogWatch:
    monkeypatch.setattr(watch, "MAX_WAIT_SECONDS", NEVER)
    return CatalogWatch(sqlite_store.database, POLL_SECONDS)


def make_thread(watched: CatalogWatch, calls: Calls, retry_seconds: float = NEVER) -> CommitThread:
    return CommitThread(watched, "test", calls, "work failed", retry_seconds)


def test_commit_thread_after_commit_calls_again(sqlite_store: Store, watched: CatalogWatch) -> None:
    calls = Calls(lambda number: None)
    with make_thread(watched, calls):
        calls.wait_for(2)  # at the start, and for the first event of each subscriber
        for number in range(3):
            before = calls.count
            add_planned_job(sqlite_store, str(number))
            calls.wait_for(before + 1)


def test_commit_thread_commit_during_call_calls_again(sqlite_store: Store, watched: CatalogWatch) -> None:
    entered, continues = threading.Event(), threading.Event()

    def hold_third(number: int) -> None:
        if number == 3:
            entered.set()
            assert continues.wait(WAIT_SECONDS)

    calls = Calls(hold_third)
    with make_thread(watched, calls) as thread:
        calls.wait_for(2)
        thread.wake()
        assert entered.wait(WAIT_SECONDS)
        thread.wake()
        continues.set()
        calls.wait_for(4)


def test_commit_thread_with_seconds_calls_again_without_commit(watched: CatalogWatch) -> None:
    calls = Calls(lambda number: POLL_SECONDS)
    with make_thread(watched, calls):
        calls.wait_for(6)


def test_commit_thread_error_that_persists_is_logged_once(watched: CatalogWatch) -> None:
    def fail(number: int) -> None:
        if number not in (3, 4):
            raise Unavailable("first" if number < 5 else "second")

    calls = Calls(fail)
    with capture_logs() as log, make_thread(watched, calls, POLL_SECONDS) as thread:
        for number in range(1, 8):
            calls.wait_for(number)
            thread.wake()
    assert [(line["event"], line["detail"]) for line in log] == [("work failed", "first"), ("work failed", "second")]


def test_commit_thread_after_stop_calls_no_more(sqlite_store: Store, watched: CatalogWatch) -> None:
    calls = Calls(lambda number: None)
    with make_thread(watched, calls) as thread:
        calls.wait_for(1)
        thread.stop()
        count = calls.count
        add_planned_job(sqlite_store, "x")
        thread.wake()
        thread.stop()
    assert calls.count == count
