"""The player and the keyboard."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.page.films import jpeg, scene_start
from tests.page.opened import Open

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("page")]


def test_the_player_stands_at_the_moment_with_the_words_beside_it(opened: Open) -> None:
    page = opened.page
    opened.ask("fail better")
    opened.hit("evening.mp4").filter(has=page.locator(".speech")).first.locator(".still").click()
    lines = page.locator("#lines .line")
    expect(lines.first).to_be_visible()
    current = page.locator("#lines .line[aria-current]")
    expect(current).to_have_count(1)
    expect(current).to_contain_text(re.compile("fail", re.I))
    expect(page.locator(".reason .speech")).to_contain_text(re.compile("fail", re.I))
    opened.keep("player")
    lines.first.click()
    expect(current).to_have_text(lines.first.inner_text().replace("\n", ""))
    start = lines.first.locator(".at").inner_text()
    minutes, seconds = start.split(":")
    opened.film_is_at(60 * int(minutes) + int(seconds), within=1.0)


def test_keys_of_the_player(opened: Open) -> None:
    page = opened.page
    opened.ask_with("coffee.jpg", jpeg("coffee.png"))
    expect(opened.hits.nth(1)).to_be_visible()
    opened.hit("evening.mp4").first.locator(".still").click()
    opened.film_is_at(scene_start("coffee.png"))
    page.keyboard.press("l")
    opened.film_is_at(10.0)
    page.keyboard.press("j")
    opened.film_is_at(0.0)
    page.keyboard.press("ArrowRight")
    opened.film_is_at(5.0)
    page.keyboard.press("k")
    page.wait_for_function("() => !document.querySelector('#player video').paused")
    page.keyboard.press("k")
    page.wait_for_function("() => document.querySelector('#player video').paused")
    before = page.locator(".steps span").inner_text()
    page.keyboard.press("p" if before.startswith("2") else "n")
    expect(page.locator(".steps span")).not_to_have_text(before)
    page.keyboard.press("Escape")
    expect(page.locator("#player")).to_have_count(0)


def test_the_whole_way_by_keyboard(opened: Open) -> None:
    page = opened.page
    expect(page.locator("#items .card")).not_to_have_count(0)
    page.keyboard.press("/")
    expect(page.locator("#words")).to_be_focused()
    page.keyboard.type("fail better")
    page.keyboard.press("Enter")
    opened.answered()
    expect(opened.hits.nth(1)).to_be_visible()
    page.keyboard.press("ArrowDown")
    expect(opened.hits.nth(0).locator(".still")).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(opened.hits.nth(1).locator(".still")).to_be_focused()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Enter")
    expect(page.locator("#player")).to_be_visible()
    for _ in range(40):  # more than there is to stop at: the focus goes round within the dialog, or to the browser's own bar
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement === document.body || !!document.activeElement.closest('#player')")
    page.keyboard.press("Escape")
    expect(opened.hits.nth(0).locator(".still")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("#answer")).to_have_count(0)
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    expect(page.locator("#help")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#help")).to_have_count(0)


def test_what_a_browser_cannot_play_can_be_saved_and_marked(opened: Open) -> None:
    page = opened.page
    page.route("**/content", lambda route: route.fulfill(body=b"no film", content_type="video/mp4"))
    opened.card("evening.mp4").locator(".still").click()
    expect(page.locator("#player .cannot")).to_contain_text("cannot play")
    expect(page.get_by_role("link", name="Save")).to_have_attribute("download", "evening.mp4")
    page.wait_for_function("() => document.querySelector('#player .stage img').naturalWidth > 0")
    page.keyboard.press("m")
    expect(page.locator("#player .marker")).to_be_focused()
    with page.expect_response("**/v1/search"):
        page.keyboard.press("Enter")
    opened.answered()
    expect(opened.hits.first).to_be_visible()
