"""Reports of workers on their sandbox: the newest of each, for as long as the worker may come
back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from indexes.catalog.queue.workers import EXPIRED_SECONDS

if TYPE_CHECKING:
    from indexes import Store


def test_newest_report_of_each_worker_counts(store: Store) -> None:
    assert store.catalog.list_sandbox_reports() == {}
    store.catalog.record_sandbox_report("a", 100.0, "1")
    store.catalog.record_sandbox_report("b", 101.0, "2")
    store.catalog.record_sandbox_report("a", 102.0, "3")
    assert store.catalog.list_sandbox_reports() == {"a": "3", "b": "2"}


def test_old_report_goes_with_its_worker_and_stays_while_that_lives(store: Store) -> None:
    store.catalog.record_sandbox_report("gone", 100.0, "1")
    store.catalog.record_sandbox_report("alive", 100.0, "2")
    late = 100.0 + EXPIRED_SECONDS + 1
    store.catalog.record_heartbeat("alive", late)
    store.catalog.record_sandbox_report("new", late, "3")
    assert store.catalog.list_sandbox_reports() == {"alive": "2", "new": "3"}
