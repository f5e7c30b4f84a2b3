"""Saved searches on the page: saved, listed with their new matches, run, renamed and deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.page.conftest import ingest
from tests.page.page_driver import PageDriver, open_page
from tests.page.test_layout import assert_accessible
from tests.page.videos import encode_jpeg
from tests.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser

    from tests.api.conftest import ApiServer

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("page")]


@pytest.fixture(autouse=True)
def _without_searches(library: ApiServer) -> Iterator[None]:
    yield
    for search in library.client.get("/v1/searches").json()["searches"]:
        library.client.delete(f"/v1/searches/{search['id']}")


def add_match(library: ApiServer, search_id: str) -> str:
    """Add an item that matches a saved search of any text in the band weak."""
    item = ingest(library, encode_jpeg("chelsea.png", quality=55), "saved-cat.jpg")
    wait_for(lambda: library.client.get(f"/v1/searches/{search_id}").json()["unread"] == 1, "the item is matched")
    return item


def test_search_is_saved_run_renamed_and_deleted(driver: PageDriver, library: ApiServer) -> None:
    page = driver.page
    page.locator("#kinds label", has_text="Images").click()
    page.click("#taken summary")
    page.fill("#taken-from", "2020-01-31")
    page.keyboard.press("Escape")
    driver.search("a cat, no dogs")
    page.click("#save-search")
    expect(page.locator("#save-search-dialog")).to_contain_text("without dogs")
    page.fill("#saved-name", "Cats")
    page.select_option("#saved-band", "weak")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator("#save-search-dialog")).to_be_hidden()
    (saved,) = library.client.get("/v1/searches").json()["searches"]
    assert (saved["name"], saved["band"], saved["query"]["without"]) == ("Cats", "weak", ["dogs"])
    assert (saved["query"]["filters"]["kinds"], saved["query"]["filters"]["taken_after"]) == (["image"], "2020-01-31T00:00:00")
    page.click("#open-searches")
    row = page.locator("#saved-list > li")
    expect(row).to_contain_text("without dogs · image · taken from 2020-01-31")
    row.get_by_role("button", name="Rename Cats").click()
    page.fill("#renamed", "Two cats")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(row).to_contain_text("Two cats")
    row.get_by_role("button", name="Turn off Two cats").click()
    expect(row).to_contain_text("off")
    with page.expect_request("**/v1/search") as sent:
        row.get_by_role("button", name="Run Two cats").click()
    request = sent.value.post_data or ""
    assert '"2020-01-31T00:00:00"' in request.replace("\\", "")
    expect(page.locator("#without")).to_have_value("dogs")
    page.go_back()
    row.get_by_role("button", name="Delete Two cats").click()
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(page.locator("#saved .empty")).to_be_visible()


def test_a_name_in_use_and_a_bad_webhook_are_shown_and_a_file_is_not_saved(driver: PageDriver, library: ApiServer) -> None:
    page = driver.page
    library.client.post("/v1/searches", json={"name": "Cats", "text": "cat"})
    driver.search("cat")
    page.click("#save-search")
    page.fill("#saved-name", "Cats")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator("#saved-problem")).to_contain_text("Cats")
    page.fill("#saved-name", "More cats")
    page.click("#save-search-dialog summary")
    page.fill("#saved-url", "https://example.com/hook")
    page.fill("#saved-secret", "short")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator("#saved-problem")).to_contain_text("whsec_")
    page.keyboard.press("Escape")
    driver.search_with_file("cat.jpg", encode_jpeg("chelsea.png"))
    expect(page.locator("#save-search")).to_be_disabled()
    driver.errors.clear()


@pytest.mark.parametrize("width", [390, 1280])
def test_new_matches_are_counted_and_listed(library: ApiServer, browser: Browser, width: int) -> None:
    body = {"name": "Cats at home", "text": "a cat", "band": "weak", "filters": {"kinds": ["image"]}}
    search = library.client.post("/v1/searches", json=body).json()["id"]
    item = add_match(library, search)
    try:
        with open_page(browser, library.url, width=width) as driver:
            page = driver.page
            expect(page.locator("#unread")).to_have_text("1")
            driver.screenshot(f"saved-link-{width}")
            page.click("#open-searches")
            expect(page.locator("#saved-list .badge")).to_have_text("1 new")
            assert_accessible(driver, "saved-searches", width, "light")
            page.locator("#saved-list h3 button").click()
            expect(page.locator("#matches > li")).to_contain_text("saved-cat.jpg")
            expect(page.locator("#matches .status")).to_have_text("New")
            assert_accessible(driver, "saved-matches", width, "light")
            page.click("#all-searches")
            expect(page.locator("#saved-list > li")).to_be_visible()
            expect(page.locator("#saved-list .badge")).to_have_count(0)
            page.locator(".brand h1 a").click()
            expect(page.locator("#unread")).to_have_count(0)
            driver.search("cat")
            page.click("#save-search")
            assert_accessible(driver, "save-search", width, "light")
    finally:
        library.client.delete(f"/v1/media/{item}")
        library.client.delete(f"/v1/trash/{item}")
