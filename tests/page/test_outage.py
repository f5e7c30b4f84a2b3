"""What the page shows while the service does not answer or does not work, and how it goes on by
itself afterwards."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.api import media
from tests.page.opened import WORK_MS, Open, opened_at

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Route

    from tests.api.conftest import ApiServer

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("page")]

SENTENCE = "The last sign of a worker is 177 s old. Ingest waits; uploads are accepted."
NOT_READY = {
    "ready": False,
    "checks": [
        {"name": "catalog", "ok": True, "detail": "The catalog answers.", "required": True},
        {"name": "worker", "ok": False, "detail": SENTENCE, "required": True},
    ],
}


def test_outage_that_ends_loads_library_and_answer_by_itself(opened: Open, library: ApiServer) -> None:
    page = opened.page
    by_name = library.client.get("/v1/media", params={"offset": 0, "limit": 1, "sort": "name"}).json()["items"]
    expect(page.locator("#items .card").first).to_be_visible()
    page.context.set_offline(True)
    page.select_option("#sort", "name")
    failure = page.locator(".library .failure")
    expect(failure).to_contain_text("The service does not answer.")
    expect(failure.get_by_role("button", name="Try again")).to_be_visible()
    expect(page.locator(".service")).to_have_attribute("data-state", "bad")
    page.context.set_offline(False)
    expect(page.locator(".service")).to_have_attribute("data-state", "ok")
    expect(failure).to_have_count(0)
    expect(page.locator("#items .card h3").first).to_have_text(by_name[0]["name"])
    page.context.set_offline(True)
    page.fill("#words", "fail better")
    page.press("#words", "Enter")
    expect(page.locator("#answer .failure")).to_contain_text("The service does not answer.")
    opened.keep("outage")
    page.context.set_offline(False)
    expect(opened.hits.first).to_be_visible(timeout=WORK_MS)
    expect(page.locator("#answer .failure")).to_have_count(0)
    expect(page.locator("#answer-title")).to_contain_text("moment")


def test_outage_with_changed_question_sends_nothing_until_the_button(opened: Open) -> None:
    page = opened.page
    problem = {"type": "/problems/unavailable", "title": "Unavailable", "status": 503, "detail": "The catalog does not answer."}
    asked: list[str] = []

    def refuse(route: Route) -> None:
        asked.append(route.request.post_data or "")
        route.fulfill(status=503, json=problem, content_type="application/problem+json")

    page.route("**/v1/search", refuse)
    page.fill("#words", "a cup")
    page.press("#words", "Enter")
    expect(page.locator("#answer .failure")).to_contain_text("The catalog does not answer. The page tries again by itself.")
    page.wait_for_event("requestfinished", lambda request: request.url.endswith("/v1/search"))
    assert len(asked) >= 2, "sent again without a click"
    page.fill("#words", "fail better")
    page.unroute("**/v1/search")
    with page.expect_response("**/v1/search") as answered:
        page.locator("#answer .failure").get_by_role("button", name="Try again").click()
    assert '"fail better"' in (answered.value.request.post_data or "")
    expect(opened.hits.first).to_be_visible()


def test_upload_cut_off_by_an_outage_goes_on_by_itself(opened: Open, library: ApiServer) -> None:
    page = opened.page
    page.route("**/v1/uploads", lambda route: route.fulfill(status=404))
    page.route(re.compile(r"/v1/media\?name"), lambda route: route.abort("connectionreset"), times=1)
    opened.add("broken line.png", media.image(330))
    expect(opened.card("broken line.png")).to_be_visible(timeout=WORK_MS)
    expect(page.locator(".tray")).to_have_count(0)
    found = library.client.get("/v1/media", params={"offset": 0, "name": "broken line"}).json()["items"]
    library.client.delete(f"/v1/media/{found[0]['id']}").raise_for_status()


def test_job_whose_events_cannot_be_had_is_followed_until_it_is_over(opened: Open) -> None:
    page = opened.page
    job = {
        "id": "job_1", "item_id": "0" * 32, "state": "running", "progress": 0.5, "stage": "encoding 1 of 2", "error": None,
        "created_at": "2026-01-02T03:04:05Z", "updated_at": "2026-01-02T03:04:05Z", "request_id": None,
    }  # fmt: skip
    looks: list[str] = []

    def look(route: Route) -> None:
        looks.append(route.request.url)
        if len(looks) == 1:
            route.abort("connectionrefused")
        elif len(looks) == 2:
            route.fulfill(json=job)
        else:
            route.fulfill(json={**job, "state": "failed", "error": "late.mp4: no frames (truncated)"})

    page.route("**/v1/jobs?*", lambda route: route.fulfill(json={"data": [job]}))
    page.route("**/v1/jobs/job_1/events", lambda route: route.fulfill(status=502))
    page.route("**/v1/jobs/job_1", look)
    page.reload()
    expect(page.locator("#uploads li")).to_have_class("working")
    expect(page.locator("#uploads li .error")).to_have_text("late.mp4: no frames (truncated)")
    assert len(looks) == 3


@pytest.mark.parametrize("width", [390, 1280])
def test_a_failing_check_is_a_few_words_and_a_click_shows_its_sentence(library: ApiServer, browser: Browser, width: int) -> None:
    with opened_at(browser, library.url, width=width, height=844) as opened:
        page = opened.page
        page.route("**/readyz", lambda route: route.fulfill(status=503, json=NOT_READY))
        page.reload()
        words = page.locator(".service")
        expect(words).to_have_text("no worker")
        expect(words).to_have_attribute("data-state", "warn")
        assert words.locator("span").evaluate("(element) => element.scrollWidth <= element.clientWidth"), "cut off"
        page.locator("#service summary").focus()
        page.keyboard.press("Enter")
        panel = page.locator("#service .panel")
        expect(panel.locator("li").first).to_contain_text(SENTENCE)
        box = panel.bounding_box()
        assert box
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
        opened.keep(f"check-{width}")
        page.keyboard.press("Escape")
        expect(panel).to_be_hidden()
