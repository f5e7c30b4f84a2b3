"""The library grouped by day, filters by metadata, and details in the player."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect
from sqlalchemy import delete, update

from indexes.catalog.tables import Item, Job, JobEvent
from mm.settings import Settings
from tests.api.conftest import ApiServer, run_server
from tests.captures import make_exif, movie, photo
from tests.graphs import with_graphs
from tests.page.page_driver import PageDriver, open_page
from tests.page.test_layout import assert_accessible

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("page")]
NUM_PHOTOS = 12
PLACE = (48.8583333, -2.2945, 35.0)


@pytest.fixture(scope="module")
def dated(tmp_path_factory: pytest.TempPathFactory, graphs: Path) -> Iterator[ApiServer]:
    """A service without a worker: photos and a video of three days, one without a time."""
    with run_server(Settings(home=with_graphs(tmp_path_factory.mktemp("dated"), graphs))) as service:
        for number in range(NUM_PHOTOS):
            exif = make_exif(taken=f"2024:05:01 {number + 8:02}:30:00", offset="+02:00", make="Canon", model="Canon EOS 5D")
            service.upload_item(photo(number, exif=exif), f"may {number:02}.jpg")
        exif = make_exif(taken="2023:07:09 18:00:00", make="Apple", model="iPhone 15", lens="wide", place=PLACE)
        service.upload_item(photo(100, exif=exif), "july.jpg")
        service.upload_item(movie({"creation_time": "2024-05-01T22:00:00Z"}, "mp4", seed=101), "evening.mp4")
        service.upload_item(photo(102), "unknown.jpg")
        with service.service.store.database.write() as session:  # without a worker, their jobs would wait
            session.execute(delete(JobEvent))
            session.execute(delete(Job))
            session.execute(update(Item).values(status="ready"))
        yield service


@pytest.fixture
def driver(dated: ApiServer, browser: Browser) -> Iterator[PageDriver]:
    with open_page(browser, dated.url) as driver:
        expect(driver.page.locator("#library-facts")).to_have_text("15 items")
        yield driver


def test_library_by_day_has_a_heading_for_each_day(driver: PageDriver) -> None:
    page = driver.page
    expect(page.locator(".days h3")).to_have_count(0)
    page.select_option("#sort", "taken")
    headings = page.locator(".days h3")
    expect(headings).to_have_count(3)
    expect(headings.nth(1)).to_have_text("Wednesday, May 1, 2024 13 items")
    expect(headings.nth(2)).to_have_text("Sunday, July 9, 2023 1 item")
    cards = page.locator("#items .card h3")
    expect(cards.nth(0)).to_have_text("unknown.jpg")
    expect(cards.nth(1)).to_have_text("evening.mp4")
    expect(cards.nth(14)).to_have_text("july.jpg")
    expect(driver.card("july.jpg")).to_contain_text("Jul 9, 2023")
    expect(driver.card("unknown.jpg")).to_contain_text("uploaded")
    boxes = [box for card in page.locator("#items .card").all() if (box := card.bounding_box())]
    assert len({(box["x"], box["y"]) for box in boxes}) == 15, "no card covers another"
    for heading in headings.all():
        box = heading.bounding_box()
        assert box is not None
        assert not any(card["y"] < box["y"] + box["height"] and box["y"] < card["y"] + card["height"] for card in boxes)
    driver.screenshot("timeline")
    page.select_option("#sort", "taken-oldest")
    expect(headings.nth(0)).to_have_text("Sunday, July 9, 2023 1 item")
    page.reload()
    expect(page.locator(".days h3")).to_have_count(3)


def test_arrow_keys_move_between_days(driver: PageDriver) -> None:
    page = driver.page
    page.select_option("#sort", "taken")
    expect(page.locator(".days h3")).to_have_count(3)
    columns = int(page.locator("#items").get_attribute("data-columns") or 0)
    assert columns > 1
    page.locator("[data-index='0'] .thumbnail").focus()
    last_row = 1 + (NUM_PHOTOS // columns) * columns
    moves = {"ArrowDown": 1, "ArrowRight": 2, "End": 14, "ArrowUp": last_row, "Home": 0}
    for key, index in moves.items():
        page.keyboard.press(key)
        expect(page.locator(f"[data-index='{index}'] .thumbnail")).to_be_focused()


def test_filters_by_metadata_reduce_the_library(driver: PageDriver) -> None:
    page = driver.page
    page.locator("#taken > summary").click()
    page.fill("#taken-from", "2024-05-01")
    page.fill("#taken-to", "2024-05-01")
    expect(page.locator("#library-facts")).to_have_text("13 items")
    assert_accessible(driver, "timeline-filters", 1280, "light")
    page.select_option("#camera", "Canon EOS 5D")
    expect(page.locator("#library-facts")).to_have_text("12 items")
    page.get_by_role("button", name="Reset").click()
    expect(page.locator("#library-facts")).to_have_text("15 items")
    page.locator("#taken > summary").click()
    page.check("#has-place")
    expect(page.locator("#library-facts")).to_have_text("1 item")


def test_player_shows_time_camera_lens_and_place(driver: PageDriver) -> None:
    page = driver.page
    driver.card("july.jpg").locator(".thumbnail").click()
    details = page.locator("#capture dd")
    expect(details).to_have_text(["Jul 9, 2023, 18:00:00", "Apple iPhone 15", "wide", "48.85833, -2.29450, 35 m"])
    driver.screenshot("timeline-player")
    page.locator("#player-close").click()
    driver.card("may 00.jpg").locator(".thumbnail").click()
    expect(details.first).to_have_text("May 1, 2024, 08:30:00 +02:00")
    page.locator("#player-close").click()
    driver.card("unknown.jpg").locator(".thumbnail").click()
    expect(page.locator("#player")).to_be_visible()
    expect(page.locator("#capture")).to_have_count(0)


def test_hidden_metadata_lists_the_reason(browser: Browser, tmp_path: Path, graphs: Path) -> None:
    settings = Settings(home=with_graphs(tmp_path, graphs), metadata="hide")
    with run_server(settings) as service, open_page(browser, service.url) as driver:
        expect(driver.page.locator("#empty")).to_be_visible()
        driver.page.select_option("#sort", "taken")
        expect(driver.page.get_by_text(re.compile("MM_METADATA"))).to_be_visible()


def test_timeline_fits_a_phone(dated: ApiServer, browser: Browser) -> None:
    with open_page(browser, dated.url, width=360, height=740, theme="dark") as driver:
        driver.page.select_option("#sort", "taken")
        expect(driver.page.locator(".days h3").first).to_be_visible()
        driver.page.locator("#taken > summary").click()
        assert_accessible(driver, "timeline", 360, "dark")
