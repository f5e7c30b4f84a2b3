"""Opening of the context of a worker process and of its sweeper."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from indexes import Store, open_store
from indexes.catalog.catalog import Catalog
from mm.errors import Unavailable
from mm.media.sandbox.report import LayerReport
from mm.settings import Settings
from tests.api import media
from tests.waiting import wait_for
from tests.workers.conftest import SWEEP_SECONDS, Home
from workers import context_owner as module
from workers.context import WorkerContext
from workers.context_owner import ContextOwner


def fail_first(num_failures: float, attempts: list[float]) -> Callable[[Settings], Store]:
    """Return a function that opens a store after `num_failures` failures and records each call."""

    def open_or_fail(settings: Settings) -> Store:
        attempts.append(time.monotonic())
        if len(attempts) <= num_failures:
            raise Unavailable("The catalog does not respond.")
        return open_store(settings)

    return open_or_fail


def test_context_owner_start_without_catalog_retries_until_it_responds(
    home: Home, context: WorkerContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No task arrives in this process: only the sweeper dispatches the lost work."""
    home.add(media.image(1), "a.png")
    monkeypatch.setattr(module, "open_store", fail_first(3, []))
    context_owner = ContextOwner(home.settings)
    try:
        context_owner.start()
        wait_for(lambda: context.dispatcher.count_waiting() >= 1, "the job is dispatched")
    finally:
        context_owner.close()


def test_context_owner_open_reports_sandbox_layers_after_failures(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    failures = 2
    record_report = Catalog.record_sandbox_report

    def fail_twice(catalog: Catalog, owner: str, time: float, report: str) -> None:
        nonlocal failures
        failures -= 1
        if failures >= 0:
            raise Unavailable("The catalog does not respond.")
        record_report(catalog, owner, time, report)

    monkeypatch.setattr(Catalog, "record_sandbox_report", fail_twice)
    context_owner = ContextOwner(home.settings)
    try:
        owner, layers = context_owner.open().owner, context_owner.open().reader.active_layers()
        wait_for(lambda: owner in home.store.catalog.list_sandbox_reports(), "it reports")
        report = LayerReport.from_json(home.store.catalog.list_sandbox_reports()[owner])
        assert (report.layers, report.missing, report.error) == (tuple(layers.layers), layers.missing, "")
    finally:
        context_owner.close()


def test_context_owner_close_ends_the_retries(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    attempts: list[float] = []
    monkeypatch.setattr(module, "open_store", fail_first(float("inf"), attempts))
    context_owner = ContextOwner(home.settings)
    context_owner.start()
    wait_for(lambda: len(attempts) > 2, "it retries")
    context_owner.close()
    time.sleep(SWEEP_SECONDS)  # an attempt may have been running
    before = len(attempts)
    time.sleep(3 * SWEEP_SECONDS)
    assert len(attempts) == before
