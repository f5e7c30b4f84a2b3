"""The watch of the catalog: whatever a poll would see is announced, also by other connections, also
after faults."""

from __future__ import annotations

import os
import shutil
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from indexes import Store, open_store
from indexes.catalog.base import LibraryReindexed
from indexes.catalog.changes import detect, watch
from indexes.catalog.changes.watch import CatalogWatch
from indexes.catalog.records import NamedSpace, ReindexRow
from mm.settings import Settings
from mm.spaces.types import SpaceId
from tests.indexes.library import SPACE, planned

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    from tests.indexes.postgres import Postgres

WAIT_SECONDS = 30.0
POLL_SECONDS = 0.02
NEVER = 1e6
HERE, THERE = NamedSpace("lite", SPACE), NamedSpace("other", SpaceId("other", 1))
State = tuple[int, NamedSpace | None, ReindexRow | None]


@pytest.fixture(autouse=True)
def no_net(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is seen here is announced, and not found by the look that subscribers take now and
    then."""
    monkeypatch.setattr(watch, "MAX_WAIT_SECONDS", NEVER)


@pytest.fixture
def watched(store: Store) -> CatalogWatch:
    """PostgreSQL announces; SQLite must be polled."""
    return CatalogWatch(store.database, POLL_SECONDS if store.database.dialect == "sqlite" else NEVER)


def polled(store: Store) -> State:
    """What subscribers look at: the plain twin of the watch asks for it again and again."""
    return store.catalog.head(), store.catalog.library_space(), store.catalog.latest_reindex()


def opened(event: threading.Event) -> threading.Event:
    """The event after the announcement that each subscriber gets at first."""
    assert event.wait(WAIT_SECONDS)
    event.clear()
    return event


def act(store: Store, action: str, number: int) -> None:
    move = store.catalog.latest_reindex()
    match action:
        case "publish":
            job, _ = planned(store, f"{number}")
            with suppress(LibraryReindexed):
                store.catalog.commit_item(job.id, [])
        case "delete":
            jobs = store.catalog.list_jobs(1)
            if jobs and store.catalog.get_item(jobs[0].item_id):
                store.catalog.delete_item(jobs[0].item_id)
        case "move" if move is None or move.state not in ("running", "stopped"):
            store.catalog.start_reindex(HERE, THERE)
        case "stop" if move is not None and move.state == "running":
            store.catalog.stop_reindex()
        case "resume" if move is not None and move.state == "stopped":
            store.catalog.resume_reindex(leave_out=True)
        case "undo" if move is not None and move.state in ("running", "stopped"):
            store.catalog.undo_reindex()
        case "end":
            store.catalog.finish_reindex()


@hypothesis_settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors]
)
@given(actions=st.lists(st.sampled_from(["publish", "delete", "move", "stop", "resume", "undo", "end"]), max_size=6))
def test_watch_announces_whatever_a_poll_would_see(store: Store, watched: CatalogWatch, actions: list[str]) -> None:
    with watched.subscribe() as event, open_store(store.settings) as other:
        opened(event)
        for number, action in enumerate(actions):
            before = polled(store)
            event.clear()
            act(other, action, number)
            if polled(store) != before:
                assert event.wait(WAIT_SECONDS), action


def test_watch_tells_every_subscriber_and_starts_again_after_the_last(store: Store, watched: CatalogWatch) -> None:
    before = set(threading.enumerate())  # other services of this process have theirs
    for round_ in range(2):
        with watched.subscribe() as first, watched.subscribe() as second:
            opened(first), second.clear()
            act(store, "publish", round_)
            assert first.wait(WAIT_SECONDS)
            assert second.wait(WAIT_SECONDS)
    assert not [thread for thread in set(threading.enumerate()) - before if thread.name == "catalog-watch"]


def test_watch_without_a_commit_announces_nothing(store: Store, watched: CatalogWatch) -> None:
    with watched.subscribe() as event:
        opened(event)
        polled(store)
        time.sleep(10 * POLL_SECONDS)
        assert not event.is_set()


def test_watch_of_a_file_that_was_replaced_follows_the_new_one(sqlite_store: Store) -> None:
    watched = CatalogWatch(sqlite_store.database, POLL_SECONDS)
    path = sqlite_store.settings.root / "catalog.db"
    with watched.subscribe() as event:
        opened(event)
        shutil.copy(path, path.with_suffix(".copy"))
        path.with_suffix(".copy").replace(path)
        opened(event)
        opened(event)  # the announcement of the failure, and that of the file that is open now
        with open_store(sqlite_store.settings) as new:
            act(new, "publish", 1)
        assert event.wait(WAIT_SECONDS)


def test_watch_of_a_file_that_is_gone_polls_and_makes_no_new_one(
    sqlite_store: Store, log: list[MutableMapping[str, object]]
) -> None:
    watched = CatalogWatch(sqlite_store.database, POLL_SECONDS)
    path = sqlite_store.settings.root / "catalog.db"
    with watched.subscribe() as event:
        opened(event)
        path.unlink()
        for _ in range(3):
            opened(event)
        assert not path.exists()
    assert len(log) == 1


def test_watch_goes_on_polling_after_a_fault_of_its_own(
    sqlite_store: Store, monkeypatch: pytest.MonkeyPatch, log: list[MutableMapping[str, object]]
) -> None:
    def fault(*arguments: object) -> None:
        raise RuntimeError("a fault")

    monkeypatch.setattr(watch, "open_changes", fault)
    with CatalogWatch(sqlite_store.database, POLL_SECONDS).subscribe() as event:
        for _ in range(3):
            opened(event)
    assert [line["event"] for line in log] == ["catalog watch failed, polling the catalog"]


@pytest.mark.xdist_group("postgresql")
def test_watch_of_a_server_that_was_away_announces_again(
    postgres: Postgres, tmp_path: Path, log: list[MutableMapping[str, object]]
) -> None:
    url = postgres.new_database()
    settings = Settings(home=tmp_path / "home", database_url=url, refresh_seconds=POLL_SECONDS)
    with open_store(settings) as store, store.watch.subscribe() as event:
        opened(event)
        for round_ in range(2):
            postgres.cut_off(url)
            for _ in range(3):
                opened(event)  # subscribers look for themselves meanwhile
            postgres.let_in(url)
            end = time.monotonic() + WAIT_SECONDS
            while event.wait(10 * POLL_SECONDS):
                event.clear()
                assert time.monotonic() < end, "it polls although the server is back"
            act(store, "publish", round_)
            opened(event)
    assert [line["event"] for line in log] == ["catalog notifications unavailable, polling the catalog"] * 2, "once for each time"


@pytest.mark.xdist_group("postgresql")
def test_watch_where_notifications_do_not_arrive_polls_and_says_so(
    postgres: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, log: list[MutableMapping[str, object]]
) -> None:
    import psycopg

    monkeypatch.setattr(psycopg.Connection, "notifies", lambda self, **options: iter(()))
    monkeypatch.setattr(detect, "CHECK_SECONDS", 0.05)
    settings = Settings(home=tmp_path / "home", database_url=postgres.new_schema(), refresh_seconds=POLL_SECONDS)
    with open_store(settings) as store, store.watch.subscribe() as event:
        for _ in range(3):
            opened(event)
    assert [line["event"] for line in log] == ["database delivers no notifications, polling the catalog"]


def test_a_file_number_beyond_those_of_select_is_waited_for() -> None:
    readable, writable = os.pipe()
    high = 2000
    os.dup2(readable, high)
    try:
        assert detect.readable([high], 0.0) == set()
        os.write(writable, b"x")
        assert detect.readable([high], WAIT_SECONDS) == {high}
    finally:
        for file in (readable, writable, high):
            os.close(file)
