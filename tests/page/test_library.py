"""The library view: long lists, order, filters, previews and deletion."""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect
from sqlalchemy import insert, update

from indexes.catalog.tables import Item, Tag
from mm.bench.decoding.raw_file import write_raw
from mm.settings import Settings
from tests.api import media
from tests.api.conftest import ApiServer, run_server
from tests.graphs import with_graphs
from tests.page.page_driver import PageDriver, open_page
from tests.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("page")]

NUM_ITEMS = 10_000
MAX_NODES = 2500


@pytest.fixture(scope="module")
def empty_service(tmp_path_factory: pytest.TempPathFactory, graphs: Path) -> Iterator[ApiServer]:
    """Run a service without a worker and without items."""
    with run_server(Settings(home=with_graphs(tmp_path_factory.mktemp("many"), graphs))) as service:
        yield service


def add_items(service: ApiServer) -> None:
    """Insert rows into the catalog; the stored files do not exist."""
    ids = [hashlib.sha256(str(number).encode()).hexdigest() for number in range(NUM_ITEMS)]
    items = [
        {
            "pk": number + 1, "id": sha256[:32], "sha256": sha256, "name": f"photo {number:05}.jpg", "kind": "image",
            "content_type": "image/jpeg", "size": number + 1, "duration": 0.0, "width": 100, "height": 80, "fps": 0.0,
            "has_audio": False, "status": "ready", "error": None, "created_at": datetime.now(UTC),
        }
        for number, sha256 in enumerate(ids)
    ]  # fmt: skip
    with service.service.store.database.write() as session:
        session.execute(insert(Item), items)
        session.execute(
            insert(Tag), [{"item_pk": number + 1, "tag": "odd" if number % 2 else "even"} for number in range(NUM_ITEMS)]
        )


def test_library_with_ten_thousand_items_renders_only_visible_rows(empty_service: ApiServer, browser: Browser) -> None:
    with open_page(browser, empty_service.url) as driver:
        expect(driver.page.locator("#empty")).to_contain_text("The library is empty")
        driver.screenshot("empty")
    add_items(empty_service)
    with open_page(browser, empty_service.url) as driver:
        page = driver.page
        page.route("**/thumbnail?*", lambda route: route.fulfill(body=media.image(5), content_type="image/png"))
        page.reload()
        cards = page.locator("#items .card")
        expect(page.locator("#library-facts")).to_have_text("10,000 items")
        expect(cards.first).to_contain_text("photo 09999.jpg")
        columns = int(page.locator("#items").get_attribute("data-columns") or 0)
        assert columns > 1
        for share in (0.25, 0.5, 0.9, 0.1, 1.0):
            page.evaluate("(share) => scrollTo(0, share * document.documentElement.scrollHeight)", share)
            page.wait_for_function(VISIBLE_CARDS_LOADED)
            assert page.evaluate("document.querySelectorAll('*').length") < MAX_NODES
            cards_shown = page.evaluate(LOADED_CARDS)
            assert len(cards_shown) >= columns
            assert all(name == f"photo {NUM_ITEMS - 1 - index:05}.jpg" for index, name in cards_shown)
        assert cards_shown[-1] == [NUM_ITEMS - 1, "photo 00000.jpg"]
        page.evaluate("scrollTo(0, 0)")
        page.wait_for_function(VISIBLE_CARDS_LOADED)
        cards.first.locator(".thumbnail").focus()
        page.keyboard.press("End")
        expect(page.locator("[data-index='9999'] .thumbnail")).to_be_focused()
        page.keyboard.press("ArrowUp")
        expect(page.locator(f"[data-index='{NUM_ITEMS - 1 - columns}'] .thumbnail")).to_be_focused()
        page.select_option("#sort", "name")
        expect(page.locator("[data-index='0']")).to_contain_text("photo 00000.jpg")
        page.fill("#name", "PHOTO 0123")
        expect(page.locator("#library-facts")).to_have_text("10 items")
        page.click("#tags summary")
        page.locator("#tags label", has_text="#odd").click()
        expect(page.locator("#library-facts")).to_have_text("5 items")
        page.fill("#name", "no item has this name")
        expect(page.locator("#empty")).to_contain_text("No items match")


def test_item_added_elsewhere_appears_with_thumbnail_before_it_is_searchable(empty_service: ApiServer, browser: Browser) -> None:
    with open_page(browser, empty_service.url) as driver:
        expect(driver.page.locator("#items .card, #empty").first).to_be_visible()
        raw = write_raw("dng", media.image(777, kind="JPEG"))
        item = empty_service.upload_item(raw, "from a camera.dng")
        card = driver.page.locator("#items .card", has_text="from a camera.dng")
        expect(card.locator(".status")).to_have_text("processing")
        expect(card).to_contain_text(re.compile(r"[A-Z][a-z]{2} \d"))
        driver.page.wait_for_function(THUMBNAIL_LOADED, arg=item["id"])
        card.locator(".thumbnail").click()
        expect(driver.page.locator("#player .note")).to_contain_text("the preview that its camera stored")
        driver.page.wait_for_function("() => document.querySelector('#player .viewport img')?.naturalWidth > 0")
        expect(driver.page.locator("#player .viewport img")).to_have_attribute("src", re.compile("thumbnail"))
        driver.page.keyboard.press("Escape")
        with empty_service.service.store.database.write() as session:
            session.execute(update(Item).where(Item.id == item["id"]).values(status="ready"))
        expect(card.locator(".status")).to_have_count(0)


THUMBNAIL_LOADED = "(id) => document.querySelector(`#item-${id} img`)?.naturalWidth > 0"
VISIBLE_CARDS_LOADED = """() => {
    const cards = [...document.querySelectorAll('#items .card')].filter((card) => {
        const box = card.getBoundingClientRect();
        return box.bottom > 0 && box.top < innerHeight;
    });
    return cards.length > 0 && cards.every((card) => !card.classList.contains('placeholder'));
}"""
LOADED_CARDS = """() => [...document.querySelectorAll('#items .card:not(.placeholder)')]
    .map((card) => [Number(card.dataset.index), card.querySelector('h3').textContent]).sort((a, b) => a[0] - b[0])"""


def test_thumbnail_of_video_shows_frame_at_mouse_position(driver: PageDriver) -> None:
    thumbnail = driver.card("evening.mp4").locator(".thumbnail")
    box = thumbnail.bounding_box()
    assert box
    driver.page.mouse.move(box["x"] + 0.7 * box["width"], box["y"] + box["height"] / 2)
    expect(thumbnail.locator(".time").first).to_have_text("0:11")
    expect(thumbnail.locator("img")).to_have_attribute("src", re.compile(r"t=11\.5"))
    driver.page.mouse.move(5, 5)
    expect(thumbnail.locator("img")).to_have_attribute("src", re.compile(r"t=0\.0"))


def test_deleted_item_is_restored_by_undo_and_stays_in_the_trash_without(driver: PageDriver, library: ApiServer) -> None:
    library.client.delete("/v1/trash")  # what other tests deleted
    item = library.upload_item(media.image(320), "gone.png")
    page = driver.page
    page.reload()
    card = page.locator("#items .card", has_text="gone.png")
    card.hover()
    page.get_by_role("button", name="Delete gone.png").click()
    wait_for(lambda: library.client.get(f"/v1/media/{item['id']}").status_code == 404, "the item is deleted")
    page.get_by_role("button", name="Undo").click()
    wait_for(lambda: library.client.get(f"/v1/media/{item['id']}").status_code == 200, "the item is restored")
    expect(card).to_be_visible()
    expect(card).not_to_have_class(re.compile("deleting"))
    card.hover()
    page.get_by_role("button", name="Delete gone.png").click()
    expect(card).to_have_count(0)
    page.click("#open-trash")
    expect(page.locator("#trash-facts")).to_contain_text("1 item")
    assert "trash=open" in page.url
    page.get_by_role("button", name="Restore gone.png").click()
    expect(page.locator("#trash-items li")).to_have_count(0)
    library.client.delete(f"/v1/media/{item['id']}")
    page.reload()  # the trash is open again, as the URL says
    page.get_by_role("button", name="Delete for good: gone.png").click()
    page.locator("#trash-items").get_by_role("button", name="Delete", exact=True).click()
    expect(page.locator("#trash-items li")).to_have_count(0)
    assert library.client.get("/v1/trash").json()["total"] == 0


ESCAPE_BEFORE_THE_RESPONSE = """() => {
    const original = window.fetch;
    window.fetch = async (...request) => {
        const response = await original(...request);
        if (response.url.endsWith("/v1/media/bulk"))
            document.body.dispatchEvent(new KeyboardEvent("keydown", { key: "Escape", bubbles: true }));
        return response;
    };
}"""
"""Clears the selection while a change of the selected items is under way."""


def test_selected_items_are_tagged_and_made_favourites_by_mouse_and_keyboard(driver: PageDriver, library: ApiServer) -> None:
    items = [library.upload_item(media.image(330 + number), f"many {number}.png")["id"] for number in range(3)]
    page = driver.page
    page.reload()
    page.fill("#name", "many")
    expect(page.locator("#library-facts")).to_have_text("3 items")
    page.get_by_role("checkbox", name="Select many 2.png").click(force=True)
    page.get_by_role("checkbox", name="Select many 0.png").click(modifiers=["Shift"], force=True)
    expect(page.locator("#selection")).to_contain_text("3 items selected")
    page.fill("#bulk-tags", "page, bulk")
    page.get_by_role("button", name="Add tags").click()
    wait_for(lambda: library.client.get(f"/v1/media/{items[1]}").json()["tags"] == ["bulk", "page"], "the tags are added")
    page.evaluate(ESCAPE_BEFORE_THE_RESPONSE)
    page.click("#bulk-favourite")
    wait_for(lambda: library.client.get(f"/v1/media/{items[0]}").json()["favourite"], "the items are favourites")
    expect(page.locator("#library-facts")).to_have_text("3 items")
    expect(page.locator("#selection")).to_have_count(0)
    page.get_by_text("Favourites", exact=True).first.click()
    assert "favourite=true" in page.url
    page.reload()
    expect(page.locator("#library-facts")).to_have_text("3 items")
    expect(page.locator("#favourites")).to_be_checked()
    page.locator("#items .card .thumbnail").first.press("x")
    expect(page.locator("#selection")).to_contain_text("1 item selected")
    page.click("#bulk-delete")
    expect(page.locator("#library-facts")).to_have_text("2 items")
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("#library-facts")).to_have_text("3 items")
    for item in items:
        library.client.delete(f"/v1/media/{item}")
        library.client.delete(f"/v1/trash/{item}")


def test_edited_item_has_its_new_name_and_tags(driver: PageDriver, library: ApiServer) -> None:
    item = library.upload_item(media.image(340), "wrong name.png")["id"]
    page = driver.page
    page.reload()
    page.locator("#items .card", has_text="wrong name.png").hover()
    page.get_by_role("button", name="Edit wrong name.png").click()
    page.fill("#edit-name", " ")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#edit-problem")).to_contain_text("The name is empty")
    page.fill("#edit-name", "right name.png")
    page.fill("#edit-tags", "a, b")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#items .card", has_text="right name.png")).to_be_visible()
    assert library.client.get(f"/v1/media/{item}").json()["tags"] == ["a", "b"]
    library.client.delete(f"/v1/media/{item}")
    library.client.delete(f"/v1/trash/{item}")


def test_item_name_with_html_is_rendered_as_text(driver: PageDriver, library: ApiServer) -> None:
    name = "<img src=x onerror=alert(1)>.jpg"
    library.upload_item(media.image(301), name)
    driver.page.reload()
    expect(driver.page.locator("#items h3", has_text=name)).to_be_visible()
