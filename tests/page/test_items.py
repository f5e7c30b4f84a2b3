"""The player over items of the library: the one before and the next, and those that could not be
processed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.page.opened import WORK_MS, Open
from tests.stopped import REASON, stopped_item

if TYPE_CHECKING:
    from tests.api.conftest import ApiServer

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("page")]


def test_items_of_the_library_are_stepped_through(opened: Open, library: ApiServer) -> None:
    page = opened.page
    listed = library.client.get("/v1/media", params={"offset": 0, "limit": 500, "sort": "name"}).json()["items"]
    first, second, third = [item["name"] for item in listed[:3]]
    page.select_option("#sort", "name")
    expect(page.locator("[data-index='0']")).to_contain_text(first)
    page.locator("[data-index='0'] .still").click()
    title, steps = page.locator("#player-title"), page.locator("#player .steps")
    expect(steps).to_have_text(f"1 of {len(listed)}")
    expect(steps.get_by_role("button", name="Previous item (p)")).to_be_disabled()
    page.keyboard.press("n")
    expect(title).to_have_text(second)
    expect(steps).to_have_text(f"2 of {len(listed)}")
    steps.get_by_role("button", name="Next item (n)").click()
    expect(title).to_have_text(third)
    page.keyboard.press("p")
    expect(title).to_have_text(second)
    page.reload()  # the address has the item and the order
    expect(steps).to_have_text(f"2 of {len(listed)}")
    page.keyboard.press("p")
    expect(title).to_have_text(first)


def test_stopped_item_says_why_and_is_processed_again(opened: Open, library: ApiServer) -> None:
    page = opened.page
    failed = stopped_item(library.service.store, 340, "quarantined")
    cancelled = stopped_item(library.service.store, 341, "cancelled", None)
    page.reload()
    cards = page.locator("#items .card")
    card = cards.filter(has_text="quarantined.png")
    expect(card.locator(".status")).to_have_text("failed")
    expect(card.locator(".error")).to_have_text(REASON)
    card.locator(".still").click()
    state = page.locator("#player .item-state")
    expect(state).to_contain_text(REASON)
    opened.keep("stopped")
    state.get_by_role("button", name="Try again").click()
    expect(state).to_have_count(0, timeout=WORK_MS)
    assert library.client.get(f"/v1/media/{failed}").json()["status"] == "ready"
    page.keyboard.press("Escape")
    expect(opened.card("quarantined.png")).to_be_visible()
    other = cards.filter(has_text="cancelled.png")
    expect(other).to_contain_text("Processing was stopped by hand.")
    other.hover()
    page.get_by_role("button", name="Try cancelled.png again").click()
    expect(opened.card("cancelled.png")).to_be_visible(timeout=WORK_MS)
    for item in (failed, cancelled):
        library.client.delete(f"/v1/media/{item}").raise_for_status()
