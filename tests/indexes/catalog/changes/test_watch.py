"""`CatalogWatch`: an event for each change that polling would detect, also after failures."""

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
from tests.indexes.library import SPACE, add_planned_job

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    from tests.indexes.postgres import Postgres

WAIT_SECONDS = 30.0
POLL_SECONDS = 0.02
NEVER = 1e6
HERE, THERE = NamedSpace("lite", SPACE), NamedSpace("other", SpaceId("other", 1))
State = tuple[int, NamedSpace | None, ReindexRow | None]


@pytest.fixture(autouse=True)
def no_periodic_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Disable the periodic read of subscribers, so that only notifications set events."""
    monkeypatch.setattr(watch, "MAX_WAIT_SECONDS", NEVER)


@pytest.fixture
def watched(store: Store) -> CatalogWatch:
    """A watch that relies on notifications with PostgreSQL, and polls SQLite."""
    return CatalogWatch(store.database, POLL_SECONDS if store.database.dialect == "sqlite" else NEVER)


def read_state(store: Store) -> State:
    """Read what subscribers read; polling it is the reference implementation of the watch."""
    return store.catalog.get_head(), store.catalog.get_library_space(), store.catalog.get_latest_reindex()


def skip_first_event(event: threading.Event) -> threading.Event:
    """Wait for the event that each subscriber receives first, and clear it."""
    assert event.wait(WAIT_SECONDS)
    event.clear()
    return event


def act(store: Store, action: str, number: int) -> None:
    reindex = store.catalog.get_latest_reindex()
    match action:
        case "publish":
            job, _ = add_planned_job(store, f"{number}")
            with suppress(LibraryReindexed):
                store.catalog.commit_item(job.id, [])
        case "delete":
            jobs = store.catalog.list_jobs(1)
            if jobs and store.catalog.get_item(jobs[0].item_id):
                store.catalog.delete_item(jobs[0].item_id)
        case "move" if reindex is None or reindex.state not in ("running", "stopped"):
            store.catalog.start_reindex(HERE, THERE)
        case "stop" if reindex is not None and reindex.state == "running":
            store.catalog.stop_reindex()
        case "resume" if reindex is not None and reindex.state == "stopped":
            store.catalog.resume_reindex(leave_out=True)
        case "undo" if reindex is not None and reindex.state in ("running", "stopped"):
            store.catalog.undo_reindex()
        case "end":
            store.catalog.finish_reindex()


@hypothesis_settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors]
)
@given(actions=st.lists(st.sampled_from(["publish", "delete", "move", "stop", "resume", "undo", "end"]), max_size=6))
def test_watch_sets_event_for_every_change(store: Store, watched: CatalogWatch, actions: list[str]) -> None:
    with watched.subscribe() as event, open_store(store.settings) as other:
        skip_first_event(event)
        for number, action in enumerate(actions):
            before = read_state(store)
            event.clear()
            act(other, action, number)
            if read_state(store) != before:
                assert event.wait(WAIT_SECONDS), action


def test_watch_notifies_all_subscribers_and_restarts(store: Store, watched: CatalogWatch) -> None:
    before = set(threading.enumerate())  # other services of this process have watch threads too
    for round_ in range(2):
        with watched.subscribe() as first, watched.subscribe() as second:
            skip_first_event(first), second.clear()
            act(store, "publish", round_)
            assert first.wait(WAIT_SECONDS)
            assert second.wait(WAIT_SECONDS)
    assert not [thread for thread in set(threading.enumerate()) - before if thread.name == "catalog-watch"]


def test_watch_without_commit_sets_no_event(store: Store, watched: CatalogWatch) -> None:
    with watched.subscribe() as event:
        skip_first_event(event)
        read_state(store)
        time.sleep(10 * POLL_SECONDS)
        assert not event.is_set()


def test_watch_of_replaced_file_watches_new_file(sqlite_store: Store) -> None:
    watched = CatalogWatch(sqlite_store.database, POLL_SECONDS)
    path = sqlite_store.settings.root / "catalog.db"
    with watched.subscribe() as event:
        skip_first_event(event)
        shutil.copy(path, path.with_suffix(".copy"))
        path.with_suffix(".copy").replace(path)
        skip_first_event(event)
        skip_first_event(event)  # one event for the failure, and one for the file that is open now
        with open_store(sqlite_store.settings) as new:
            act(new, "publish", 1)
        assert event.wait(WAIT_SECONDS)


def test_watch_of_removed_file_polls_and_creates_none(sqlite_store: Store, log: list[MutableMapping[str, object]]) -> None:
    watched = CatalogWatch(sqlite_store.database, POLL_SECONDS)
    path = sqlite_store.settings.root / "catalog.db"
    with watched.subscribe() as event:
        skip_first_event(event)
        path.unlink()
        for _ in range(3):
            skip_first_event(event)
        assert not path.exists()
    assert len(log) == 1


def test_watch_after_internal_error_polls(
    sqlite_store: Store, monkeypatch: pytest.MonkeyPatch, log: list[MutableMapping[str, object]]
) -> None:
    def fault(*arguments: object) -> None:
        raise RuntimeError("a fault")

    monkeypatch.setattr(watch, "open_changes", fault)
    with CatalogWatch(sqlite_store.database, POLL_SECONDS).subscribe() as event:
        for _ in range(3):
            skip_first_event(event)
    assert [line["event"] for line in log] == ["catalog watch failed, polling the catalog"]


@pytest.mark.xdist_group("postgresql")
def test_watch_after_server_outage_sets_events_again(
    postgres: Postgres, tmp_path: Path, log: list[MutableMapping[str, object]]
) -> None:
    url = postgres.new_database()
    settings = Settings(home=tmp_path / "home", database_url=url, refresh_seconds=POLL_SECONDS)
    with open_store(settings) as store, store.watch.subscribe() as event:
        skip_first_event(event)
        for round_ in range(2):
            postgres.block_connections(url)
            for _ in range(3):
                skip_first_event(event)  # polling sets events meanwhile
            postgres.allow_connections(url)
            end = time.monotonic() + WAIT_SECONDS
            while event.wait(10 * POLL_SECONDS):
                event.clear()
                assert time.monotonic() < end, "polling goes on although the server is back"
            act(store, "publish", round_)
            skip_first_event(event)
    assert [line["event"] for line in log] == ["catalog notifications unavailable, polling the catalog"] * 2, (
        "one line per outage"
    )


@pytest.mark.xdist_group("postgresql")
def test_watch_without_notifications_polls_and_logs(
    postgres: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, log: list[MutableMapping[str, object]]
) -> None:
    import psycopg

    monkeypatch.setattr(psycopg.Connection, "notifies", lambda self, **options: iter(()))
    monkeypatch.setattr(detect, "CHECK_SECONDS", 0.05)
    settings = Settings(home=tmp_path / "home", database_url=postgres.new_schema(), refresh_seconds=POLL_SECONDS)
    with open_store(settings) as store, store.watch.subscribe() as event:
        for _ in range(3):
            skip_first_event(event)
    assert [line["event"] for line in log] == ["catalog notifications not delivered, polling the catalog"]


def test_readable_accepts_descriptor_above_1023() -> None:
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
