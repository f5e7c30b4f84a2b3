"""Readiness counts only heartbeats since the start of the service."""

from __future__ import annotations

import time
from pathlib import Path

from api.readiness import WORK_SECONDS
from indexes import open_store
from mm.settings import Settings
from tests.api.conftest import ApiServer, run_server
from tests.graphs import with_graphs


def worker(api: ApiServer) -> str:
    """Detail of the failing worker check, empty if it passes."""
    checks = {check["name"]: check for check in api.client.get("/readyz").json()["checks"]}
    return "" if checks["worker"]["ok"] else str(checks["worker"]["detail"])


def test_readiness_ignores_the_heartbeat_of_a_worker_before_the_start(tmp_path: Path, graphs: Path) -> None:
    settings = Settings(home=with_graphs(tmp_path, graphs))
    with open_store(settings) as store:
        store.catalog.record_heartbeat("dead", time.time())
    with run_server(settings) as api:
        assert "No worker has sent a heartbeat since" in worker(api)
        api.service.store.catalog.record_heartbeat("alive", time.time())
        assert not worker(api)


def test_readiness_counts_an_older_worker_from_its_next_heartbeat(tmp_path: Path, graphs: Path) -> None:
    settings = Settings(home=with_graphs(tmp_path, graphs))
    with open_store(settings) as store:
        store.catalog.record_heartbeat("alive", time.time())
    with run_server(settings) as api:
        assert worker(api)
        api.service.store.catalog.record_heartbeat("alive", time.time())
        assert not worker(api)


def test_readiness_ignores_a_worker_without_recent_heartbeats(tmp_path: Path, graphs: Path) -> None:
    with run_server(Settings(home=with_graphs(tmp_path, graphs))) as api:
        api.service.store.catalog.record_heartbeat("silent", time.time() - 1.1 * WORK_SECONDS)
        assert "No worker has sent a heartbeat for" in worker(api)


def test_readiness_ignores_a_heartbeat_in_the_future(tmp_path: Path, graphs: Path) -> None:
    """A heartbeat from before the clock was set back by an hour."""
    with run_server(Settings(home=with_graphs(tmp_path, graphs))) as api:
        api.service.store.catalog.record_heartbeat("dead", time.time() + 3600.0)
        assert "No worker has sent a heartbeat for" in worker(api)
        api.service.store.catalog.record_heartbeat("alive", time.time())
        assert not worker(api)
