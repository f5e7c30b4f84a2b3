"""Fixtures: a service with a worker, a library with items, and the page in a browser.

`PAGE_SCREENSHOTS=folder` saves screenshots of the page.
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
from tests.page.page_driver import PageDriver, open_page
from tests.page.videos import SCENES, create_video, encode_jpeg
from tests.waiting import wait_for
from tests.workers.broker import Broker
from tests.workers.process import WorkerProcess
from tests.workers.videos import SPEECH

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CHROMIUM = shutil.which("chromium")
expect.set_options(timeout=60_000)


@pytest.fixture(autouse=True, scope="session")
def _disable_request_logs() -> None:
    """Silence request logs, which may be written after the output capture of a test has ended."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))


@pytest.fixture(scope="package")
def service(tmp_path_factory: pytest.TempPathFactory, graphs: Path) -> Iterator[ApiServer]:
    """Run a service with a worker."""
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
def evening_video() -> bytes:
    """The video of the library."""
    return create_video()


@pytest.fixture(scope="package")
def library(service: ApiServer, evening_video: bytes) -> ApiServer:
    """A service with photos, a video of the same photos, and speech."""
    files = {name: encode_jpeg(name) for name in SCENES} | {"evening.mp4": evening_video, "beckett.wav": SPEECH.read_bytes()}
    for name, data in files.items():
        ingest(service, data, name)
    return service


def ingest(service: ApiServer, data: bytes, name: str) -> str:
    """Upload a file, wait until it is processed, and return the id of its item."""
    upload = service.upload(data, name, "demo", name.rpartition(".")[2]).json()
    with service.client.stream("GET", f"/v1/jobs/{upload['job']['id']}/events") as events:
        last = [line for line in events.iter_lines() if line.startswith("data:")][-1]
    assert '"done"' in last, last
    item_id: str = upload["item"]["id"]
    return item_id


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Run Chromium for this package only: while Playwright is open, no other event loop can run."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def driver(library: ApiServer, browser: Browser) -> Iterator[PageDriver]:
    """The page of a service with items."""
    with open_page(browser, library.url) as driver:
        yield driver
