"""Sandbox reports: the latest of each worker, deleted with expired workers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from indexes.catalog.queue.workers import EXPIRED_SECONDS

if TYPE_CHECKING:
    from indexes import Store


def test_list_sandbox_reports_returns_latest_of_each_worker(store: Store) -> None:
    assert store.catalog.list_sandbox_reports() == {}
    store.catalog.record_sandbox_report("a", 100.0, "1")
    store.catalog.record_sandbox_report("b", 101.0, "2")
    store.catalog.record_sandbox_report("a", 102.0, "3")
    assert store.catalog.list_sandbox_reports() == {"a": "3", "b": "2"}


def test_record_sandbox_report_deletes_reports_of_expired_workers(store: Store) -> None:
    store.catalog.record_sandbox_report("gone", 100.0, "1")
    store.catalog.record_sandbox_report("alive", 100.0, "2")
    late = 100.0 + EXPIRED_SECONDS + 1
    store.catalog.record_heartbeat("alive", late)
    store.catalog.record_sandbox_report("new", late, "3")
    assert store.catalog.list_sandbox_reports() == {"alive": "2", "new": "3"}
