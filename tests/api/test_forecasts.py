"""A forecast holds for a second, and longer where it takes long."""

from __future__ import annotations

from api.forecasts import FRESH_SECONDS, SHARE, Forecasts
from indexes.catalog.queue.forecast import Forecast, OpenJob, OpenWork
from tests.indexes.conftest import Clock


def test_a_forecast_is_made_once_for_all_who_ask_within_a_while() -> None:
    clock, lengths = Clock(), iter([0.0, 0.2, 0.0])
    jobs = [OpenJob("a", (None, 0), "image", False, [0.0])]

    class Catalog:
        asked = 0

        def read_open_work(self, longest: float) -> OpenWork:
            self.asked += 1
            clock.now += next(lengths)
            return OpenWork(jobs)

    catalog = Catalog()
    forecasts = Forecasts(catalog, 120.0, clock)  # type: ignore[arg-type]
    assert (forecasts.of("a"), forecasts.of("none")) == (Forecast(0, None), None)
    assert catalog.asked == 1
    clock.now += FRESH_SECONDS
    forecasts.of("a")
    assert catalog.asked == 2
    clock.now += 0.9 * SHARE * 0.2
    forecasts.of("a")
    assert catalog.asked == 2, "it took long, so it holds for longer"
    clock.now += 0.2 * SHARE * 0.2
    jobs.clear()
    assert forecasts.of("a") is None
