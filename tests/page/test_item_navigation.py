"""The player for library items: previous and next item, and items that were not processed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.page.page_driver import PROCESSING_TIMEOUT_MS, PageDriver
from tests.stopped import REASON, stopped_item

if TYPE_CHECKING:
    from tests.api.conftest import ApiServer

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("page")]


def test_player_pager_steps_through_library_items(driver: PageDriver, library: ApiServer) -> None:
    page = driver.page
    listed = library.client.get("/v1/media", params={"offset": 0, "limit": 500, "sort": "name"}).json()["items"]
    first, second, third = [item["name"] for item in listed[:3]]
    page.select_option("#sort", "name")
    expect(page.locator("[data-index='0']")).to_contain_text(first)
    page.locator("[data-index='0'] .thumbnail").click()
    title, pager = page.locator("#player-title"), page.locator("#player .pager")
    expect(pager).to_have_text(f"1 of {len(listed)}")
    expect(pager.get_by_role("button", name="Previous item (p)")).to_be_disabled()
    page.keyboard.press("n")
    expect(title).to_have_text(second)
    expect(pager).to_have_text(f"2 of {len(listed)}")
    pager.get_by_role("button", name="Next item (n)").click()
    expect(title).to_have_text(third)
    page.keyboard.press("p")
    expect(title).to_have_text(second)
    page.reload()  # the URL contains the item and the order
    expect(pager).to_have_text(f"2 of {len(listed)}")
    page.keyboard.press("p")
    expect(title).to_have_text(first)


def test_stopped_item_shows_reason_and_is_processed_again(driver: PageDriver, library: ApiServer) -> None:
    page = driver.page
    failed = stopped_item(library.service.store, 340, "quarantined")
    cancelled = stopped_item(library.service.store, 341, "cancelled", None)
    page.reload()
    cards = page.locator("#items .card")
    card = cards.filter(has_text="quarantined.png")
    expect(card.locator(".status")).to_have_text("failed")
    expect(card.locator(".error")).to_have_text(REASON)
    card.locator(".thumbnail").click()
    status = page.locator("#player .item-status")
    expect(status).to_contain_text(REASON)
    driver.screenshot("stopped")
    status.get_by_role("button", name="Try again").click()
    expect(status).to_have_count(0, timeout=PROCESSING_TIMEOUT_MS)
    assert library.client.get(f"/v1/media/{failed}").json()["status"] == "ready"
    page.keyboard.press("Escape")
    expect(driver.card("quarantined.png")).to_be_visible()
    other = cards.filter(has_text="cancelled.png")
    expect(other).to_contain_text("Processing was stopped by a user.")
    other.hover()
    page.get_by_role("button", name="Try cancelled.png again").click()
    expect(driver.card("cancelled.png")).to_be_visible(timeout=PROCESSING_TIMEOUT_MS)
    for item in (failed, cancelled):
        library.client.delete(f"/v1/media/{item}").raise_for_status()
