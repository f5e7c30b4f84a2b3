"""The context of a working process: opened as soon as the catalog is there, and the sweeper with
them."""

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
from tests.workers.conftest import SWEEP_SECONDS, Home
from tests.workers.process import wait_for
from workers import context_owner as module
from workers.context import WorkerContext
from workers.context_owner import ContextOwner


def away_for(times: float, tried: list[float]) -> Callable[[Settings], Store]:
    """Opens a store after so many failures; notes when it was tried."""

    def try_to_open(settings: Settings) -> Store:
        tried.append(time.monotonic())
        if len(tried) <= times:
            raise Unavailable("The catalog does not answer: it is away.")
        return open_store(settings)

    return try_to_open


def test_a_catalog_that_is_away_at_the_start_is_waited_for(
    home: Home, context: WorkerContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No task comes to this process: the one that came was lost with the catalog, and only the
    sweeper rings again."""
    home.add(media.image(1), "a.png")
    monkeypatch.setattr(module, "open_store", away_for(3, []))
    context_owner = ContextOwner(home.settings)
    try:
        context_owner.start()
        wait_for(lambda: context.dispatcher.count_waiting() >= 1, "the job is dispatched")
    finally:
        context_owner.close()


def test_worker_that_opens_reports_its_layers(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    failures = 2
    plain = Catalog.record_sandbox_report

    def away_twice(catalog: Catalog, owner: str, time: float, report: str) -> None:
        nonlocal failures
        failures -= 1
        if failures >= 0:
            raise Unavailable("The catalog does not answer: it is away.")
        plain(catalog, owner, time, report)

    monkeypatch.setattr(Catalog, "record_sandbox_report", away_twice)
    context_owner = ContextOwner(home.settings)
    try:
        owner, held = context_owner.open().owner, context_owner.open().reader.active_layers()
        wait_for(lambda: owner in home.store.catalog.list_sandbox_reports(), "it reports")
        report = LayerReport.from_json(home.store.catalog.list_sandbox_reports()[owner])
        assert (report.layers, report.missing, report.error) == (tuple(held.layers), held.missing, "")
    finally:
        context_owner.close()


def test_closing_ends_the_tries(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[float] = []
    monkeypatch.setattr(module, "open_store", away_for(float("inf"), tried))
    context_owner = ContextOwner(home.settings)
    context_owner.start()
    wait_for(lambda: len(tried) > 2, "it tries again")
    context_owner.close()
    time.sleep(SWEEP_SECONDS)  # one may have been under way
    before = len(tried)
    time.sleep(3 * SWEEP_SECONDS)
    assert len(tried) == before
