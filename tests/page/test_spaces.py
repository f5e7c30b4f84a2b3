"""The dialog of larger spaces: options, confirmation of a download, progress, stop, cancel."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from mm.schemas import LibrarySpace, Move
from tests.page.page_driver import open_page
from tests.page.test_layout import assert_accessible

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Route

    from mm.schemas import MoveState
    from tests.api.conftest import ApiServer

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("page")]

NAME = "openclip:ViT-B-32/laion2b_s34b_b79k"


def open_dialog(page: Page) -> None:
    page.click("#service summary")
    page.click("#open-spaces")
    expect(page.locator(f'[data-name="{NAME}"]')).to_be_visible()


def make_space(state: MoveState | None, **progress: Any) -> dict[str, Any]:
    now = datetime.now(UTC)
    values = {"source": "lite", "target": NAME, "items": 4, "moved": 0, "failed": 0, "created_at": now, "updated_at": now}
    move = None if state is None else Move(state=state, **{**values, **progress})
    return LibrarySpace(id="lite@1", name="lite", spaces=[], move=move).model_dump(mode="json")


@pytest.mark.parametrize("width", [390, 1280])
def test_options_of_the_machine_fit_and_are_accessible(library: ApiServer, browser: Browser, width: int) -> None:
    with open_page(browser, library.url, width=width) as driver:
        open_dialog(driver.page)
        option = driver.page.locator(f'[data-name="{NAME}"]')
        expect(option).to_contain_text("66.8 % Flickr30k, 39.3 % COCO")
        expect(option).to_contain_text("estimate")
        expect(driver.page.locator("#space-machine")).to_contain_text("GiB of memory")
        assert_accessible(driver, "spaces", width, "light")
        driver.page.keyboard.press("Escape")
        expect(driver.page.locator("#spaces")).to_have_count(0)


def test_move_is_confirmed_followed_stopped_and_cancelled(library: ApiServer, browser: Browser) -> None:
    """The responses of the moves are fixed: `tests/api/spaces` moves a library."""
    with open_page(browser, library.url) as driver:
        page, sent = driver.page, []
        space = make_space(None)

        def answer(route: Route) -> None:
            nonlocal space
            path = route.request.url.rpartition("/v1/space")[2]
            if route.request.method == "GET" and path.startswith("/options"):
                found = route.fetch().json()
                for option in found["options"]:
                    option.update(can_start=True, obstacle=None)
                route.fulfill(json=found)
                return
            if route.request.method == "POST":
                sent.append((path, json.loads(route.request.post_data or "null")))
                state: MoveState = {"/move": "downloading", "/move/stop": "stopped", "/move/undo": "undone"}[path]  # type: ignore[assignment]
                space = make_space(state, downloaded_bytes=3_000_000, download_bytes=6_000_000)
                route.fulfill(status=202, json=space["move"])
                return
            route.fulfill(json=space)

        page.route(re.compile(r"/v1/space(/|\?|$)"), answer)
        open_dialog(page)
        option = page.locator(f'[data-name="{NAME}"]')
        option.get_by_role("button", name="Move the library").click()
        expect(option).to_contain_text(re.compile(r"Download 605 MB from .*laion/CLIP-ViT-B-32-laion2B-s34B-b79K \(MIT\)\?"))
        assert sent == [], "the first click only asks"
        option.get_by_role("button", name="Download and move").click()
        move = page.locator("#space-move")
        expect(move).to_contain_text("3.0 MB of 6.0 MB downloaded, 50 %")
        assert sent == [("/move", {"to": NAME, "download": True})]
        expect(option.get_by_role("button")).to_have_count(0)
        assert_accessible(driver, "spaces-moving", 1280, "light")
        move.get_by_role("button", name="Stop").click()
        expect(move).to_contain_text("has stopped")
        move.get_by_role("button", name="Cancel the move").click()
        move.get_by_role("button", name="Cancel the move").click()
        expect(move).to_have_count(0)
        assert [path for path, _ in sent] == ["/move", "/move/stop", "/move/undo"]


def test_missing_network_says_what_to_copy(library: ApiServer, browser: Browser) -> None:
    with open_page(browser, library.url) as driver:
        page = driver.page

        def disconnect(route: Route) -> None:
            found = route.fetch().json()
            found["machine"]["network"] = "https://hub does not respond."
            found["options"][0].update(can_start=False, obstacle="https://hub does not respond. Copy the files.")
            route.fulfill(json=found)

        page.route("**/v1/space/options*", disconnect)
        open_dialog(page)
        expect(page.locator("#space-network")).to_contain_text("https://hub does not respond.")
        option = page.locator(f'[data-name="{NAME}"]')
        expect(option).to_contain_text("Copy the files.")
        expect(option.get_by_role("button", name="Move the library")).to_have_count(0)
