"""The upload tray: queue positions, and its collapsed state during a search."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Page, expect

from tests.page.page_driver import open_page

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from tests.api.conftest import ApiServer

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("page")]

NOW = "2026-01-02T03:04:05Z"
NUM_JOBS = 12
MAX_BAR_PX = 80


def serve_jobs(page: Page) -> None:
    """Serve `NUM_JOBS` jobs: the first is running, the others are queued."""

    def job(number: int) -> dict[str, object]:
        running = number == 0
        return {
            "id": f"job_{number}", "kind": "ingest", "item_id": f"{number:032x}", "state": "running" if running else "queued",
            "progress": 0.4 if running else 0.0, "stage": "encoding 2 of 5" if running else "waiting", "error": None,
            "created_at": NOW, "updated_at": NOW, "request_id": None,
            "position": None if running else number - 1, "seconds_left": 90.0 if running else 90.0 + 60 * number,
        }  # fmt: skip

    def event(number: int) -> str:
        step = {**job(number), "id": 7, "job_id": f"job_{number}"}
        return f"retry: 100000\n\nid: 7\nevent: job\ndata: {json.dumps(step)}\n\n"

    item = {
        "kind": "video", "content_type": "video/mp4", "size": 1000, "duration": 5.0, "width": 64, "height": 48, "tags": [],
        "status": "processing", "error": None, "created_at": NOW,
    }  # fmt: skip
    jobs = [job(number) for number in reversed(range(NUM_JOBS))]
    page.route("**/v1/jobs?*", lambda route: route.fulfill(json={"data": jobs}))
    page.route(
        "**/v1/media/0000*",
        lambda route: route.fulfill(
            json={**item, "id": (name := route.request.url.rpartition("/")[2]), "name": f"clip {int(name, 16)}.mp4"}
        ),
    )
    page.route(
        "**/v1/jobs/*/events",
        lambda route: route.fulfill(
            body=event(int(route.request.url.split("/")[-2].removeprefix("job_"))), content_type="text/event-stream"
        ),
    )


@pytest.mark.parametrize("width", [390, 1280])
def test_tray_collapses_on_search_and_expands_in_library(library: ApiServer, browser: Browser, width: int) -> None:
    with open_page(browser, library.url, width=width, height=844) as driver:
        page = driver.page
        serve_jobs(page)
        page.reload()
        expect(page.locator("#uploads li")).to_have_count(NUM_JOBS)
        expect(driver.upload_row("clip 0.mp4")).to_contain_text("encoding 2 of 5, 40 %, about 2 min left")
        expect(driver.upload_row("clip 1.mp4")).to_contain_text("waiting, next in the queue, about 3 min left")
        expect(driver.upload_row("clip 3.mp4")).to_contain_text("waiting, 2 files before it, about 5 min left")
        expect(driver.upload_row("clip 3.mp4").locator("progress")).to_have_count(0)
        expect(page.locator("#uploads li strong")).to_have_text([f"clip {number}.mp4" for number in range(NUM_JOBS)])
        bar = page.get_by_role("button", name=f"Adding {NUM_JOBS} files")
        expect(bar).to_have_attribute("aria-expanded", "true")
        driver.screenshot(f"tray-open-{width}")
        driver.search("fail better")
        expect(bar).to_have_attribute("aria-expanded", "false")
        expect(page.locator("#uploads")).to_be_hidden()
        expect(bar).to_contain_text("processed 3 %")
        box = page.locator(".tray").bounding_box()
        assert box
        assert box["height"] <= MAX_BAR_PX
        driver.screenshot(f"tray-collapsed-{width}")
        bar.focus()
        page.keyboard.press("Enter")
        expect(page.locator("#uploads")).to_be_visible()
        driver.search("a cup of coffee")
        expect(page.locator("#uploads")).to_be_hidden()
        page.click("#clear")
        expect(page.locator("#uploads")).to_be_visible()
        bar.click()
        expect(page.locator("#uploads")).to_be_hidden()
