"""Layout and accessibility of each view at two widths and in both themes; the reindex status."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from mm.schemas import LibrarySpace, Move
from tests.page.page_driver import PageDriver, open_page

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

    from mm.schemas import MoveState
    from tests.api.conftest import ApiServer

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("page")]

AXE = (Path(__file__).parent / "axe.min.js").read_text()
SERIOUS = """async () => {
    const { violations } = await axe.run({ resultTypes: ['violations'] });
    return violations.filter(({ impact }) => impact === 'serious' || impact === 'critical')
        .flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.target} ${node.failureSummary}`));
}"""


def assert_accessible(driver: PageDriver, view: str, width: int, theme: str) -> None:
    """Assert that the view fits its width and that axe reports no serious violation."""
    page = driver.page
    driver.screenshot(f"{view}-{theme}-{width}")
    assert page.evaluate("document.documentElement.scrollWidth") <= width, view
    page.evaluate(AXE)
    assert page.evaluate(SERIOUS) == [], view


def measure_brightness(page: Page) -> float:
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    return sum(int(part) for part in re.findall(r"\d+", background)[:3]) / 3


@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_view_fits_its_width_and_is_accessible(library: ApiServer, browser: Browser, width: int, theme: str) -> None:
    with open_page(browser, library.url, width=width, theme=theme) as driver:
        page = driver.page
        expect(driver.card("evening.mp4")).to_be_visible()
        assert (measure_brightness(page) > 128) == (theme == "light")
        driver.add_file("taxes.jpg", b"no picture at all, " * 50)
        expect(driver.upload_row("taxes.jpg").locator(".error")).to_be_visible()
        assert_accessible(driver, "library", width, theme)
        page.get_by_role("button", name="Dismiss taxes.jpg").click()
        driver.search("fail better")
        assert_accessible(driver, "results", width, theme)
        driver.hits.first.locator(".thumbnail").click()
        expect(page.locator("#transcript-lines .line").first).to_be_visible()
        assert_accessible(driver, "player", width, theme)
        page.keyboard.press("Escape")
        driver.search("integral of x squared")
        expect(page.locator(".no-results")).to_be_visible()
        assert_accessible(driver, "no-results", width, theme)
        page.click("#open-evaluate")
        expect(page.locator("#evaluate .empty")).to_be_visible()
        assert_accessible(driver, "evaluate-empty", width, theme)
        page.get_by_role("button", name="Keyboard shortcuts and help").click()
        assert_accessible(driver, "help", width, theme)


def test_selected_theme_is_kept_after_reload(driver: PageDriver) -> None:
    page = driver.page
    assert measure_brightness(page) > 128
    page.click("#theme")
    page.click("#theme")
    assert measure_brightness(page) < 128
    page.reload()
    expect(page.locator("#theme")).to_have_attribute("aria-label", re.compile("Theme: dark"))
    assert measure_brightness(page) < 128
    page.click("#theme")
    assert measure_brightness(page) > 128


@pytest.mark.parametrize(
    ("state", "error", "label", "detail", "dot"),
    [
        ("running", None, "reindexing, 52 %", "1,040 of 2,000 items reindexed to openclip:some/where", "ok"),
        ("stopped", "3 items could not be encoded.", "reindex stopped", "has stopped. 3 items could not be encoded.", "warn"),
        ("done", None, "ready", "The catalog responds", "ok"),
    ],
)
def test_service_status_shows_reindex_progress(
    library: ApiServer, browser: Browser, state: MoveState, error: str | None, label: str, detail: str, dot: str
) -> None:
    now = datetime.now(UTC)
    move = Move(
        source="lite",
        target="openclip:some/where",
        state=state,
        items=2000,
        moved=1040,
        failed=0,
        error=error,
        created_at=now,
        updated_at=now,
    )
    body = LibrarySpace(id="lite@1", name="lite", spaces=[], move=move).model_dump_json()
    with open_page(browser, library.url) as driver:
        driver.page.route("**/v1/space", lambda route: route.fulfill(body=body, content_type="application/json"))
        driver.page.reload()
        expect(driver.page.locator(".service")).to_have_text(label)
        driver.page.click("#service summary")
        expect(driver.page.locator("#service .checks")).to_contain_text(detail)
        expect(driver.page.locator(".service")).to_have_attribute("data-state", dot)
        assert_accessible(driver, f"reindex-{state}", 1280, "light")
