"""A real service with a real worker, a library that is filled once, and the page in a real browser
over it.

`PAGE_PICTURES=folder` keeps pictures of the page, to be looked at.
"""

from __future__ import annotations

import logging
import shutil
from typing import TYPE_CHECKING

import pytest
import structlog
from playwright.sync_api import Browser, expect, sync_playwright

from mm.settings import Settings
from tests.api.conftest import ApiServer, run_server
from tests.graphs import with_graphs
from tests.page.films import SCENES, film, jpeg
from tests.page.opened import Open, opened_at
from tests.workers.broker import Broker
from tests.workers.process import WorkerProcess, wait_for
from tests.workers.videos import SPEECH

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CHROMIUM = shutil.which("chromium")
expect.set_options(timeout=60_000)


@pytest.fixture(autouse=True, scope="session")
def _quiet() -> None:
    """Requests are logged behind the answer, when the test that captures output may be over."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))


@pytest.fixture(scope="package")
def served(tmp_path_factory: pytest.TempPathFactory, graphs: Path) -> Iterator[ApiServer]:
    """A service with a worker."""
    folder = tmp_path_factory.mktemp("page")
    (folder / "broker").mkdir()
    broker = Broker(folder / "broker")
    broker.start()
    settings = Settings(home=with_graphs(folder / "home", graphs), broker_url=broker.url, sweep_seconds=0.5)
    try:
        with WorkerProcess(settings, folder / "worker.log"), run_server(settings) as service:
            wait_for(lambda: service.client.get("/readyz").status_code == 200, "the service is ready")
            yield service
    finally:
        broker.stop()


@pytest.fixture(scope="package")
def evening() -> bytes:
    """The film of the library."""
    return film()


@pytest.fixture(scope="package")
def library(served: ApiServer, evening: bytes) -> ApiServer:
    """Photos, a film of the same photos, and speech."""
    files = {name: jpeg(name) for name in SCENES} | {"evening.mp4": evening, "beckett.wav": SPEECH.read_bytes()}
    for name, data in files.items():
        taken_in(served, data, name)
    return served


def taken_in(served: ApiServer, data: bytes, name: str) -> str:
    """The id of an item that is in the library now."""
    upload = served.upload(data, name, "demo", name.rpartition(".")[2]).json()
    with served.client.stream("GET", f"/v1/jobs/{upload['job']['id']}/events") as events:
        last = [line for line in events.iter_lines() if line.startswith("data:")][-1]
    assert '"done"' in last, last
    item_id: str = upload["item"]["id"]
    return item_id


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Of this package alone: as long as Playwright is open, nothing else in the process can run an
    event loop."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def opened(library: ApiServer, browser: Browser) -> Iterator[Open]:
    """The page over the library."""
    with opened_at(browser, library.url) as opened:
        yield opened
