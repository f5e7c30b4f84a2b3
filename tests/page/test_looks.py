"""Every width, both themes, and nothing serious that axe finds in any view."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from mm.schemas import LibrarySpace, Move
from tests.page.opened import Open, opened_at

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


def looks_well(opened: Open, view: str, width: int, theme: str) -> None:
    """The view is as wide as the screen and no wider, and axe finds nothing serious in it."""
    page = opened.page
    opened.keep(f"{view}-{theme}-{width}")
    assert page.evaluate("document.documentElement.scrollWidth") <= width, view
    page.evaluate(AXE)
    assert page.evaluate(SERIOUS) == [], view


def brightness(page: Page) -> float:
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    return sum(int(part) for part in re.findall(r"\d+", background)[:3]) / 3


@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_view_in_both_themes_on_a_phone_and_a_desk(library: ApiServer, browser: Browser, width: int, theme: str) -> None:
    with opened_at(browser, library.url, width=width, theme=theme) as opened:
        page = opened.page
        expect(opened.card("evening.mp4")).to_be_visible()
        assert (brightness(page) > 128) == (theme == "light")
        opened.add("taxes.jpg", b"no picture at all, " * 50)
        expect(opened.row("taxes.jpg").locator(".error")).to_be_visible()
        looks_well(opened, "library", width, theme)
        page.get_by_role("button", name="Dismiss taxes.jpg").click()
        opened.ask("fail better")
        looks_well(opened, "answer", width, theme)
        opened.hits.first.locator(".still").click()
        expect(page.locator("#lines .line").first).to_be_visible()
        looks_well(opened, "player", width, theme)
        page.keyboard.press("Escape")
        opened.ask("integral of x squared")
        expect(page.locator(".nothing")).to_be_visible()
        looks_well(opened, "nothing", width, theme)
        page.get_by_role("button", name="Keys and help").click()
        looks_well(opened, "help", width, theme)


def test_a_chosen_theme_is_remembered(opened: Open) -> None:
    page = opened.page
    assert brightness(page) > 128
    page.click("#theme")
    page.click("#theme")
    assert brightness(page) < 128
    page.reload()
    expect(page.locator("#theme")).to_have_attribute("aria-label", re.compile("Theme: dark"))
    assert brightness(page) < 128
    page.click("#theme")
    assert brightness(page) > 128


@pytest.mark.parametrize(
    ("state", "error", "words", "sentence", "dot"),
    [
        ("running", None, "moving, 52 %", "1,040 of 2,000 items moved to openclip:some/where", "ok"),
        ("stopped", "3 items could not be encoded.", "move stopped", "has stopped. 3 items could not be encoded.", "warn"),
        ("done", None, "ready", "The catalog answers", "ok"),
    ],
)
def test_a_library_that_moves_to_another_space(
    library: ApiServer, browser: Browser, state: MoveState, error: str | None, words: str, sentence: str, dot: str
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
    with opened_at(browser, library.url) as opened:
        opened.page.route("**/v1/space", lambda route: route.fulfill(body=body, content_type="application/json"))
        opened.page.reload()
        expect(opened.page.locator(".service")).to_have_text(words)
        opened.page.click("#service summary")
        expect(opened.page.locator("#service .checks")).to_contain_text(sentence)
        expect(opened.page.locator(".service")).to_have_attribute("data-state", dot)
        looks_well(opened, f"move-{state}", 1280, "light")
