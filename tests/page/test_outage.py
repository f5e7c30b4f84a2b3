"""The page during an outage of the service, and its automatic recovery."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.api import media
from tests.page.page_driver import PROCESSING_TIMEOUT_MS, PageDriver, open_page

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Route

    from tests.api.conftest import ApiServer

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("page")]

WORKER_DETAIL = "The last sign of a worker is 177 s old. Ingest waits; uploads are accepted."
NOT_READY = {
    "ready": False,
    "checks": [
        {"name": "catalog", "ok": True, "detail": "The catalog responds.", "required": True},
        {"name": "worker", "ok": False, "detail": WORKER_DETAIL, "required": True},
    ],
}


def test_library_and_results_load_automatically_after_outage(driver: PageDriver, library: ApiServer) -> None:
    page = driver.page
    by_name = library.client.get("/v1/media", params={"offset": 0, "limit": 1, "sort": "name"}).json()["items"]
    expect(page.locator("#items .card").first).to_be_visible()
    page.context.set_offline(True)
    page.select_option("#sort", "name")
    failure = page.locator(".library .request-error")
    expect(failure).to_contain_text("The service does not respond.")
    expect(failure.get_by_role("button", name="Try again")).to_be_visible()
    expect(page.locator(".service")).to_have_attribute("data-state", "bad")
    page.context.set_offline(False)
    expect(page.locator(".service")).to_have_attribute("data-state", "ok")
    expect(failure).to_have_count(0)
    expect(page.locator("#items .card h3").first).to_have_text(by_name[0]["name"])
    page.context.set_offline(True)
    page.fill("#query-text", "fail better")
    page.press("#query-text", "Enter")
    expect(page.locator("#results .request-error")).to_contain_text("The service does not respond.")
    driver.screenshot("outage")
    page.context.set_offline(False)
    expect(driver.hits.first).to_be_visible(timeout=PROCESSING_TIMEOUT_MS)
    expect(page.locator("#results .request-error")).to_have_count(0)
    expect(page.locator("#results-title")).to_have_text(re.compile(r"^\d+ results?$"))


def test_changed_query_is_sent_after_outage_only_by_the_button(driver: PageDriver) -> None:
    page = driver.page
    problem = {"type": "/problems/unavailable", "title": "Unavailable", "status": 503, "detail": "The catalog does not respond."}
    requests: list[str] = []

    def refuse(route: Route) -> None:
        requests.append(route.request.post_data or "")
        route.fulfill(status=503, json=problem, content_type="application/problem+json")

    page.route("**/v1/search", refuse)
    page.fill("#query-text", "a cup")
    page.press("#query-text", "Enter")
    expect(page.locator("#results .request-error")).to_contain_text(
        "The catalog does not respond. The page retries automatically."
    )
    page.wait_for_event("requestfinished", lambda request: request.url.endswith("/v1/search"))
    assert len(requests) >= 2, "not sent again automatically"
    page.fill("#query-text", "fail better")
    page.unroute("**/v1/search")
    with page.expect_response("**/v1/search") as response_info:
        page.locator("#results .request-error").get_by_role("button", name="Try again").click()
    assert '"fail better"' in (response_info.value.request.post_data or "")
    expect(driver.hits.first).to_be_visible()


def test_upload_interrupted_by_outage_resumes_automatically(driver: PageDriver, library: ApiServer) -> None:
    page = driver.page
    page.route("**/v1/uploads", lambda route: route.fulfill(status=404))
    page.route(re.compile(r"/v1/media\?name"), lambda route: route.abort("connectionreset"), times=1)
    driver.add_file("broken line.png", media.image(330))
    expect(driver.card("broken line.png")).to_be_visible(timeout=PROCESSING_TIMEOUT_MS)
    expect(page.locator(".tray")).to_have_count(0)
    items = library.client.get("/v1/media", params={"offset": 0, "name": "broken line"}).json()["items"]
    library.client.delete(f"/v1/media/{items[0]['id']}").raise_for_status()


def test_job_without_event_stream_is_polled_until_final_state(driver: PageDriver) -> None:
    page = driver.page
    job = {
        "id": "job_1", "kind": "ingest", "item_id": "0" * 32, "state": "running", "progress": 0.5, "stage": "encoding 1 of 2",
        "error": None,
        "created_at": "2026-01-02T03:04:05Z", "updated_at": "2026-01-02T03:04:05Z", "request_id": None,
    }  # fmt: skip
    requests: list[str] = []

    def handle(route: Route) -> None:
        requests.append(route.request.url)
        if len(requests) == 1:
            route.abort("connectionrefused")
        elif len(requests) == 2:
            route.fulfill(json=job)
        else:
            route.fulfill(json={**job, "state": "failed", "error": "late.mp4: no frames (truncated)"})

    page.route("**/v1/jobs?*", lambda route: route.fulfill(json={"data": [job]}))
    page.route("**/v1/jobs/job_1/events", lambda route: route.fulfill(status=502))
    page.route("**/v1/jobs/job_1", handle)
    page.reload()
    expect(page.locator("#uploads li")).to_have_class("processing")
    expect(page.locator("#uploads li .error")).to_have_text("late.mp4: no frames (truncated)")
    assert len(requests) == 3


@pytest.mark.parametrize("width", [390, 1280])
def test_failing_check_shows_label_and_click_shows_detail(library: ApiServer, browser: Browser, width: int) -> None:
    with open_page(browser, library.url, width=width, height=844) as driver:
        page = driver.page
        page.route("**/readyz", lambda route: route.fulfill(status=503, json=NOT_READY))
        page.reload()
        status = page.locator(".service")
        expect(status).to_have_text("no worker")
        expect(status).to_have_attribute("data-state", "warn")
        assert status.locator("span").evaluate("(element) => element.scrollWidth <= element.clientWidth"), "truncated"
        page.locator("#service summary").focus()
        page.keyboard.press("Enter")
        panel = page.locator("#service .panel")
        expect(panel.locator("li").first).to_contain_text(WORKER_DETAIL)
        box = panel.bounding_box()
        assert box
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
        driver.screenshot(f"check-{width}")
        page.keyboard.press("Escape")
        expect(panel).to_be_hidden()
