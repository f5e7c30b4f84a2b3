"""Validity of forecasts: a second, or more if the computation is slow."""

from __future__ import annotations

from api.forecasts import MIN_VALID_SECONDS, VALIDITY_FACTOR, Forecasts
from indexes.catalog.queue.forecast import Forecast, OpenJob, OpenWork
from tests.indexes.conftest import Clock


def test_forecasts_are_computed_once_per_validity() -> None:
    clock, lengths = Clock(), iter([0.0, 0.2, 0.0])
    jobs = [OpenJob("a", (None, 0), "image", False, [0.0])]

    class Catalog:
        num_reads = 0

        def read_open_work(self, longest: float) -> OpenWork:
            self.num_reads += 1
            clock.now += next(lengths)
            return OpenWork(jobs)

    catalog = Catalog()
    forecasts = Forecasts(catalog, 120.0, clock)  # type: ignore[arg-type]
    assert (forecasts.get("a"), forecasts.get("none")) == (Forecast(0, None), None)
    assert catalog.num_reads == 1
    clock.now += MIN_VALID_SECONDS
    forecasts.get("a")
    assert catalog.num_reads == 2
    clock.now += 0.9 * VALIDITY_FACTOR * 0.2
    forecasts.get("a")
    assert catalog.num_reads == 2, "a slow forecast is valid for longer"
    clock.now += 0.2 * VALIDITY_FACTOR * 0.2
    jobs.clear()
    assert forecasts.get("a") is None
