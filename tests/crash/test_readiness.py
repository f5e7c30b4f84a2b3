"""Readiness believes in a worker for what it did since the service started, not for a row that a
dead one left."""

from __future__ import annotations

import time
from pathlib import Path

from api.readiness import WORK_SECONDS
from indexes import open_store
from mm.settings import Settings
from tests.api.conftest import ApiServer, run_server
from tests.graphs import with_graphs


def worker(api: ApiServer) -> str:
    """What is said of the worker, empty if it works."""
    checks = {check["name"]: check for check in api.client.get("/readyz").json()["checks"]}
    return "" if checks["worker"]["ok"] else str(checks["worker"]["detail"])


def test_the_last_sign_of_a_worker_that_died_before_is_no_sign(tmp_path: Path, graphs: Path) -> None:
    settings = Settings(home=with_graphs(tmp_path, graphs))
    with open_store(settings) as store:
        store.catalog.record_heartbeat("dead", time.time())
    with run_server(settings) as api:
        assert "No worker yet" in worker(api)
        api.service.store.catalog.record_heartbeat("alive", time.time())
        assert not worker(api)


def test_a_worker_that_outlived_the_service_counts_when_it_works_again(tmp_path: Path, graphs: Path) -> None:
    settings = Settings(home=with_graphs(tmp_path, graphs))
    with open_store(settings) as store:
        store.catalog.record_heartbeat("alive", time.time())
    with run_server(settings) as api:
        assert worker(api)
        api.service.store.catalog.record_heartbeat("alive", time.time())
        assert not worker(api)


def test_a_worker_that_lives_and_is_silent_is_none(tmp_path: Path, graphs: Path) -> None:
    with run_server(Settings(home=with_graphs(tmp_path, graphs))) as api:
        api.service.store.catalog.record_heartbeat("silent", time.time() - 1.1 * WORK_SECONDS)
        assert "No worker for" in worker(api)


def test_a_sign_from_the_future_is_no_newer_than_one_from_the_past(tmp_path: Path, graphs: Path) -> None:
    """As the last sign before the clock was set back by an hour."""
    with run_server(Settings(home=with_graphs(tmp_path, graphs))) as api:
        api.service.store.catalog.record_heartbeat("dead", time.time() + 3600.0)
        assert "No worker for" in worker(api)
        api.service.store.catalog.record_heartbeat("alive", time.time())
        assert not worker(api)
