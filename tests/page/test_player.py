"""The player and the keyboard."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.page.page_driver import PageDriver
from tests.page.videos import encode_jpeg, get_scene_start

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("page")]


def test_player_opens_at_hit_and_highlights_transcript_line(driver: PageDriver) -> None:
    page = driver.page
    driver.search("fail better")
    driver.hits_of("evening.mp4").filter(has=page.locator(".speech")).first.locator(".thumbnail").click()
    lines = page.locator("#transcript-lines .line")
    expect(lines.first).to_be_visible()
    current = page.locator("#transcript-lines .line[aria-current]")
    expect(current).to_have_count(1)
    expect(current).to_contain_text(re.compile("fail", re.I))
    expect(page.locator(".match-details .speech")).to_contain_text(re.compile("fail", re.I))
    driver.screenshot("player")
    lines.first.click()
    expect(current).to_have_text(lines.first.inner_text().replace("\n", ""))
    start = lines.first.locator(".timestamp").inner_text()
    minutes, seconds = start.split(":")
    driver.wait_for_video_at(60 * int(minutes) + int(seconds), within=1.0)


def test_player_shortcuts_seek_pause_and_step(driver: PageDriver) -> None:
    page = driver.page
    driver.search_with_file("coffee.jpg", encode_jpeg("coffee.png"))
    expect(driver.hits.nth(1)).to_be_visible()
    driver.hits_of("evening.mp4").first.locator(".thumbnail").click()
    driver.wait_for_video_at(get_scene_start("coffee.png"))
    page.wait_for_function("() => document.querySelector('#player').contains(document.activeElement)")
    page.keyboard.press("l")
    driver.wait_for_video_at(10.0)
    page.keyboard.press("j")
    driver.wait_for_video_at(0.0)
    page.keyboard.press("ArrowRight")
    driver.wait_for_video_at(5.0)
    page.keyboard.press("k")
    page.wait_for_function("() => !document.querySelector('#player video').paused")
    page.keyboard.press("k")
    page.wait_for_function("() => document.querySelector('#player video').paused")
    before = page.locator(".pager span").inner_text()
    page.keyboard.press("p" if before.startswith("2") else "n")
    expect(page.locator(".pager span")).not_to_have_text(before)
    page.keyboard.press("Escape")
    expect(page.locator("#player")).to_have_count(0)


def test_search_and_player_are_usable_with_keyboard_only(driver: PageDriver) -> None:
    page = driver.page
    expect(page.locator("#items .card")).not_to_have_count(0)
    page.keyboard.press("/")
    expect(page.locator("#query-text")).to_be_focused()
    page.keyboard.type("fail better")
    page.keyboard.press("Enter")
    driver.wait_for_results()
    expect(driver.hits.nth(1)).to_be_visible()
    page.keyboard.press("ArrowDown")
    expect(driver.hits.nth(0).locator(".thumbnail")).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(driver.hits.nth(1).locator(".thumbnail")).to_be_focused()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Enter")
    expect(page.locator("#player")).to_be_visible()
    for _ in range(40):  # more than the focusable elements: the focus stays in the dialog or moves to the browser UI
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement === document.body || !!document.activeElement.closest('#player')")
    page.keyboard.press("Escape")
    expect(driver.hits.nth(0).locator(".thumbnail")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("#results")).to_have_count(0)
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    expect(page.locator("#help")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#help")).to_have_count(0)


def test_unplayable_video_can_be_saved_and_searched_by_region(driver: PageDriver) -> None:
    page = driver.page
    page.route("**/content", lambda route: route.fulfill(body=b"no video", content_type="video/mp4"))
    driver.card("evening.mp4").locator(".thumbnail").click()
    expect(page.locator("#player .playback-error")).to_contain_text("cannot play")
    expect(page.get_by_role("link", name="Save", exact=True)).to_have_attribute("download", "evening.mp4")
    page.wait_for_function("() => document.querySelector('#player .viewport img').naturalWidth > 0")
    page.keyboard.press("m")
    expect(page.locator("#player .region-selector")).to_be_focused()
    with page.expect_response("**/v1/search"):
        page.keyboard.press("Enter")
    driver.wait_for_results()
    expect(driver.hits.first).to_be_visible()
