"""The library: long, sorted, filtered, looked into, and items that go."""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect
from sqlalchemy import insert

from indexes.catalog.tables import Item, Tag
from mm.settings import Settings
from tests.api import media
from tests.api.conftest import ApiServer, run_server
from tests.graphs import with_graphs
from tests.page.opened import WORK_MS, Open, opened_at
from tests.workers.process import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("page")]

MANY = 10_000
MOST_NODES = 2500


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory, graphs: Path) -> Iterator[ApiServer]:
    """A service without a worker, and at first without items."""
    with run_server(Settings(home=with_graphs(tmp_path_factory.mktemp("many"), graphs))) as service:
        yield service


def fill(service: ApiServer) -> None:
    """Rows of the catalog, all at once; nothing reads their bytes."""
    ids = [hashlib.sha256(str(number).encode()).hexdigest() for number in range(MANY)]
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
        session.execute(insert(Tag), [{"item_pk": number + 1, "tag": "odd" if number % 2 else "even"} for number in range(MANY)])


def test_ten_thousand_items(alone: ApiServer, browser: Browser) -> None:
    with opened_at(browser, alone.url) as opened:
        expect(opened.page.locator("#empty")).to_contain_text("Nothing here yet")
        opened.keep("empty")
    fill(alone)
    with opened_at(browser, alone.url) as opened:
        page = opened.page
        page.route("**/thumbnail?*", lambda route: route.fulfill(body=media.image(5), content_type="image/png"))
        page.reload()
        cards = page.locator("#items .card")
        expect(page.locator("#library-facts")).to_have_text("10,000 items")
        expect(cards.first).to_contain_text("photo 09999.jpg")
        columns = int(page.locator("#items").get_attribute("data-columns") or 0)
        assert columns > 1
        for share in (0.25, 0.5, 0.9, 0.1, 1.0):
            page.evaluate("(share) => scrollTo(0, share * document.documentElement.scrollHeight)", share)
            page.wait_for_function(IN_SIGHT)
            assert page.evaluate("document.querySelectorAll('*').length") < MOST_NODES
            seen = page.evaluate(SEEN)
            assert len(seen) >= columns
            assert all(name == f"photo {MANY - 1 - index:05}.jpg" for index, name in seen)
        assert seen[-1] == [MANY - 1, "photo 00000.jpg"]
        page.evaluate("scrollTo(0, 0)")
        page.wait_for_function(IN_SIGHT)
        cards.first.locator(".still").focus()
        page.keyboard.press("End")
        expect(page.locator("[data-index='9999'] .still")).to_be_focused()
        page.keyboard.press("ArrowUp")
        expect(page.locator(f"[data-index='{MANY - 1 - columns}'] .still")).to_be_focused()
        page.select_option("#sort", "name")
        expect(page.locator("[data-index='0']")).to_contain_text("photo 00000.jpg")
        page.fill("#name", "PHOTO 0123")
        expect(page.locator("#library-facts")).to_have_text("10 items")
        page.click("#tags summary")
        page.locator("#tags label", has_text="#odd").click()
        expect(page.locator("#library-facts")).to_have_text("5 items")
        page.fill("#name", "nothing has this")
        expect(page.locator("#empty")).to_contain_text("Nothing of this kind")


IN_SIGHT = """() => {
    const cards = [...document.querySelectorAll('#items .card')].filter((card) => {
        const box = card.getBoundingClientRect();
        return box.bottom > 0 && box.top < innerHeight;
    });
    return cards.length > 0 && cards.every((card) => !card.classList.contains('blank'));
}"""
SEEN = """() => [...document.querySelectorAll('#items .card:not(.blank)')]
    .map((card) => [Number(card.dataset.index), card.querySelector('h3').textContent]).sort((a, b) => a[0] - b[0])"""


def test_moving_over_a_video_shows_other_moments_of_it(opened: Open) -> None:
    still = opened.card("evening.mp4").locator(".still")
    box = still.bounding_box()
    assert box
    opened.page.mouse.move(box["x"] + 0.7 * box["width"], box["y"] + box["height"] / 2)
    expect(still.locator(".time").first).to_have_text("0:11")
    expect(still.locator("img")).to_have_attribute("src", re.compile(r"t=11\.5"))
    opened.page.mouse.move(5, 5)
    expect(still.locator("img")).to_have_attribute("src", re.compile(r"t=0\.0"))


def test_a_deleted_item_can_be_taken_back_and_goes_in_the_end(opened: Open, library: ApiServer) -> None:
    item = library.upload_item(media.image(320), "gone.png")
    opened.page.reload()
    card = opened.page.locator("#items .card", has_text="gone.png")
    card.hover()
    opened.page.get_by_role("button", name="Delete gone.png").click()
    expect(card).to_have_class(re.compile("leaving"))
    opened.page.get_by_role("button", name="Undo").click()
    expect(card).not_to_have_class(re.compile("leaving"))
    assert library.client.get(f"/v1/media/{item['id']}").status_code == 200
    card.hover()
    opened.page.get_by_role("button", name="Delete gone.png").click()
    opened.page.reload()  # who leaves does not take back
    wait_for(lambda: library.client.get(f"/v1/media/{item['id']}").status_code == 404, "the item is gone")
    opened.page.reload()
    expect(opened.card("evening.mp4")).to_be_visible(timeout=WORK_MS)
    expect(card).to_have_count(0)


def test_a_name_is_only_ever_text(opened: Open, library: ApiServer) -> None:
    name = "<img src=x onerror=alert(1)>.jpg"
    library.upload_item(media.image(301), name)
    opened.page.reload()
    expect(opened.page.locator("#items h3", has_text=name)).to_be_visible()
