"""Albums on the page: filled, ordered, searched, edited and deleted."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.page.page_driver import PageDriver, open_page
from tests.page.test_layout import assert_accessible

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser

    from tests.api.conftest import ApiServer

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("page")]


@pytest.fixture(autouse=True)
def _without_albums(library: ApiServer) -> Iterator[None]:
    yield
    for album in library.client.get("/v1/albums").json()["albums"]:
        library.client.delete(f"/v1/albums/{album['id']}")


def list_names(driver: PageDriver) -> list[str]:
    return driver.page.locator("#album-entries h3").all_text_contents()


def make_album(library: ApiServer, name: str = "Evening") -> str:
    items = library.client.get("/v1/media", params={"sort": "name", "offset": 0}).json()["items"]
    album: str = library.client.post("/v1/albums", json={"name": name, "note": "what the sea does at night"}).json()["id"]
    entries: list[dict[str, object]] = [{"item": item["id"]} for item in items if item["status"] == "ready"]
    video = next(item for item in items if item["kind"] == "video")
    entries.append({"item": video["id"], "start": 1.0, "end": 2.5})
    library.client.post(f"/v1/albums/{album}/entries", json={"entries": entries})
    return album


def test_album_is_filled_from_library_results_and_player(driver: PageDriver, library: ApiServer) -> None:
    page = driver.page
    for name in ("evening.mp4", "beckett.wav"):
        driver.card(name).locator(".select input").check(force=True)
    page.click("#bulk-album")
    page.fill("#new-album", "Sea")
    page.press("#new-album", "Enter")
    expect(page.locator(".toast", has_text="2 entries added to Sea")).to_be_visible()
    page.keyboard.press("Escape")
    driver.search("fail better")
    driver.hits.first.locator(".thumbnail").click()
    page.click("#player-album")
    page.keyboard.press("Escape")
    expect(page.locator("#add-to-album")).to_be_hidden()
    expect(page.locator("#player")).to_be_visible()
    page.click("#player-album")
    page.locator("#album-options button", has_text="Sea").click()
    expect(page.locator(".toast", has_text="1 entry added to Sea")).to_be_visible()
    page.keyboard.press("Escape")
    page.locator(".brand h1 a").click()
    page.click("#open-albums")
    expect(page.locator("#album-list .card")).to_contain_text("3 entries")
    page.locator("#album-list .thumbnail").click()
    expect(page.locator("#album-facts")).to_have_text("3 entries")
    expect(page.locator("#album-entries .time").last).to_contain_text("–")
    assert re.search("view=albums&album=", page.url)


def test_entries_are_ordered_by_keys_buttons_and_dragging_and_removed_with_undo(driver: PageDriver, library: ApiServer) -> None:
    page = driver.page
    album = make_album(library)
    page.goto(f"{library.url}/#view=albums&album={album}")
    expect(page.locator("#album-entries > li")).not_to_have_count(0)
    first, second, third = list_names(driver)[:3]
    moved = page.locator("#album-entries .thumbnail").first
    moved.focus()
    with page.expect_response("**/entries/move"):
        page.keyboard.press("Alt+ArrowRight")
    expect(page.locator("#album-entries h3").first).to_have_text(second)
    expect(page.locator("#album-entries .thumbnail").nth(1)).to_be_focused()
    with page.expect_response("**/entries/move"):
        page.get_by_role("button", name=re.compile(f"Move {re.escape(first)}.* earlier")).first.click()
    expect(page.locator("#album-entries h3").first).to_have_text(first)
    with page.expect_response("**/entries/move"):
        page.locator("#album-entries > li").nth(2).drag_to(page.locator("#album-entries > li").nth(0))
    expect(page.locator("#album-entries h3").first).to_have_text(third)
    page.reload()
    expect(page.locator("#album-entries h3").first).to_have_text(third)
    page.get_by_role("button", name=re.compile(f"Remove {re.escape(first)}.* from the album")).first.click()
    expect(page.locator("#album-entries h3").nth(1)).to_have_text(second)
    page.locator(".toast", has_text="removed from").get_by_role("button", name="Undo").click()
    expect(page.locator("#album-entries h3").nth(1)).to_have_text(first)
    page.get_by_role("button", name=re.compile(f"Make {re.escape(second)}.* the cover")).first.click()
    expect(page.locator("#album-entries li", has_text=second).locator(".status")).to_have_text("Cover")


def test_search_in_album_edit_and_delete(driver: PageDriver, library: ApiServer) -> None:
    page = driver.page
    album = make_album(library)
    page.goto(f"{library.url}/#view=albums&album={album}")
    page.click("#edit-album-open")
    page.fill("#album-name", "Night")
    page.fill("#album-note", "")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#album-title")).to_have_text("Night")
    page.click("#search-album")
    with page.expect_request("**/v1/search") as sent:
        driver.search("fail better")
    assert album in (sent.value.post_data or "")
    expect(page.locator("#in-album")).to_have_text("in Night")
    page.reload()
    expect(page.locator("#in-album")).to_have_text("in Night")
    page.go_back()
    page.goto(f"{library.url}/#view=albums&album={album}")
    with page.expect_download() as download:
        page.click("#export-album summary")
        page.get_by_role("link", name="CSV").click()
    assert download.value.suggested_filename == "Night.csv"
    page.click("#delete-album")
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(page.locator("#albums .empty")).to_be_visible()


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_albums_fit_their_width_and_are_accessible(library: ApiServer, browser: Browser, width: int, theme: str) -> None:
    make_album(library)
    with open_page(browser, library.url, width=width, theme=theme) as driver:
        page = driver.page
        expect(driver.card("evening.mp4")).to_be_visible()
        page.click("#open-albums")
        expect(page.locator("#album-list .card")).to_be_visible()
        assert_accessible(driver, "albums", width, theme)
        page.locator("#album-list .thumbnail").click()
        expect(page.locator("#album-entries > li").first).to_be_visible()
        assert_accessible(driver, "album", width, theme)
        page.locator("#album-entries .thumbnail").first.click()
        page.click("#player-album")
        expect(page.locator("#album-options")).to_contain_text("Evening")
        assert_accessible(driver, "add-to-album", width, theme)


def test_clip_of_a_result_and_of_an_album_is_saved(driver: PageDriver, library: ApiServer) -> None:
    page = driver.page
    album = make_album(library)
    driver.search("fail better")
    with page.expect_download() as download:
        page.get_by_role("button", name=re.compile("Save a clip of beckett")).first.click(force=True)
    assert download.value.suggested_filename.startswith("0001 beckett")
    page.click("#export-hits summary")
    page.get_by_label("Exact times of clips").check()
    page.keyboard.press("Escape")
    with page.expect_download(), page.expect_request("**/v1/exports") as sent:
        page.get_by_role("button", name=re.compile("Save an exact clip of beckett")).first.click(force=True)
    assert '"exact":true' in (sent.value.post_data or "")
    page.goto(f"{library.url}/#view=albums&album={album}")
    page.click("#export-album summary")
    with page.expect_download() as download:
        page.get_by_role("button", name="Clips", exact=True).click()
        expect(page.locator("#exports")).to_contain_text("Cutting clips: Evening")
        driver.screenshot("exports-running")
    assert download.value.suggested_filename == "clips.zip"
    expect(page.locator("#exports")).to_be_hidden()
