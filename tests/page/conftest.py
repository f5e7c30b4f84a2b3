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
from tests.api.inspection.conftest import SETTINGS, InspectionServer, encode_png, run_inspection_server
from tests.graphs import with_graphs
from tests.inspection.parts import render_part
from tests.page.inspections import NUM_GOOD
from tests.page.page_driver import PageDriver, open_page, reuse_page
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
        browser.new_context()  # the first, which `open_page` uses
        yield browser
        browser.close()


@pytest.fixture
def driver(library: ApiServer, browser: Browser) -> Iterator[PageDriver]:
    """The page of a service with items."""
    with open_page(browser, library.url) as driver:
        yield driver


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory, graphs: Path) -> Iterator[InspectionServer]:
    """A service without a worker process: the test performs its tasks."""
    with run_inspection_server(Settings(home=with_graphs(tmp_path_factory.mktemp("inspect"), graphs))) as server:
        yield server


@pytest.fixture(scope="package")
def fitted(server: InspectionServer, browser: Browser) -> InspectionServer:
    """The service after the user has created, filled and fitted an inspector."""
    with open_page(browser, server.api.url) as driver:
        page = driver.page
        page.click("#open-inspect")
        expect(page.locator(".first-inspector")).to_contain_text("from images of good ones")
        page.fill("#inspector-name", "no name!")
        page.press("#inspector-name", "Enter")
        expect(page.locator("#new-inspector .error")).to_contain_text("String should match pattern")
        driver.screenshot("inspect-problem")
        page.fill("#inspector-name", "bracket")
        page.press("#inspector-name", "Enter")
        expect(page.locator(".inspectors [aria-current]")).to_contain_text("bracket not fitted")
        expect(page.locator("#not-fitted")).to_be_visible()
        server.client.inspectors.create("disc", settings=SETTINGS)
        page.reload()
        page.get_by_role("button", name="disc not fitted").click()
        for seed in range(NUM_GOOD):
            driver.drop_file('[data-drop="good"]', f"good {seed}.png", encode_png(render_part(seed)))
        expect(page.locator("#examples img")).to_have_count(NUM_GOOD)
        expect(page.locator("#good-facts")).to_have_text(f"{NUM_GOOD} images of {NUM_GOOD} parts")
        for job in server.api.client.get("/v1/jobs?limit=50").json()["data"]:
            server.api.service.store.catalog.update_job(job["id"], state="done")  # search is not needed
        with page.expect_response("**/fit"):
            page.click("#fit")
        expect(page.locator("#work")).to_contain_text("Fitting")
        driver.screenshot("inspect-fitting")
        assert server.work() == 1
        expect(page.locator(".inspectors [aria-current]")).to_contain_text("disc version 1")
    return server


@pytest.fixture(scope="package")
def inspect_page(fitted: InspectionServer, browser: Browser) -> Iterator[PageDriver]:
    """One page for all tests of inspections: a new browser context loads all its modules again."""
    with open_page(browser, fitted.api.url) as driver:
        yield driver


@pytest.fixture
def inspect_driver(inspect_page: PageDriver, fitted: InspectionServer) -> Iterator[PageDriver]:
    """The page with the inspector `disc`, in its first state. Fails if its console has errors."""
    with reuse_page(inspect_page, fitted.api.url):
        yield inspect_page
