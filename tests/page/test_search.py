"""Searches with text, files, regions and moments, and their results."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.page.conftest import ingest
from tests.page.page_driver import PROCESSING_TIMEOUT_MS, PageDriver, list_labels, open_page
from tests.page.videos import encode_jpeg, get_scene_start

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from tests.api.conftest import ApiServer

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("page")]


def test_search_with_dropped_image_shows_hits_on_timeline(driver: PageDriver) -> None:
    page = driver.page
    driver.drop_file("#search-field", "cat.jpg", encode_jpeg("chelsea.png"))
    driver.wait_for_results()
    expect(page.locator("#query-chip")).to_contain_text("cat.jpg")
    expect(driver.hits.first).to_contain_text("chelsea.png")
    expect(driver.hits_of("evening.mp4").first).to_contain_text("image")
    hit_marker = page.locator("#hits .timeline .hit-marker").first
    timeline = page.locator("#hits .timeline").first.bounding_box()
    box = hit_marker.bounding_box()
    assert timeline
    assert box
    assert (box["x"] - timeline["x"]) / timeline["width"] == pytest.approx(get_scene_start("chelsea.png") / 16, abs=0.05)
    hit_marker.hover()
    expect(page.locator(".tooltip")).to_contain_text("0:08")
    driver.screenshot("hits")
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    driver.wait_for_video_at(get_scene_start("chelsea.png"))
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Remove cat.jpg from the query").click()
    expect(page.locator("#items")).to_be_visible()


def test_region_of_query_image_is_searched(driver: PageDriver) -> None:
    driver.search_with_file("cat.jpg", encode_jpeg("chelsea.png"))
    driver.page.get_by_role("button", name="Select a region of cat.jpg").click()
    expect(driver.page.locator("#crop .region-selector")).to_be_focused()
    with driver.page.expect_response("**/v1/search", timeout=PROCESSING_TIMEOUT_MS):
        driver.page.keyboard.press("Enter")
    driver.wait_for_results()
    expect(driver.page.locator("#query-chip")).to_contain_text("region of cat.jpg")
    assert all(re.search("chelsea|evening", name) for name in list_labels(driver.hits)[:2])


def test_region_of_frame_dragged_with_mouse_is_searched(driver: PageDriver) -> None:
    page = driver.page
    driver.search_with_file("cat.jpg", encode_jpeg("chelsea.png"))
    driver.hits_of("evening.mp4").first.locator(".thumbnail").click()
    driver.wait_for_video_at(get_scene_start("chelsea.png"))
    page.keyboard.press("m")
    marker = page.locator("#player .region-selector")
    expect(marker).to_be_focused()
    box = marker.bounding_box()
    assert box
    assert box["width"] / box["height"] == pytest.approx(1.5, abs=0.01)  # of the video without its letterbox
    page.mouse.move(box["x"] + 0.1 * box["width"], box["y"] + 0.1 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.9 * box["width"], box["y"] + 0.9 * box["height"], steps=4)
    page.mouse.up()
    driver.screenshot("region")
    with page.expect_response("**/v1/search", timeout=PROCESSING_TIMEOUT_MS) as request_info:
        page.get_by_role("button", name="Search with this region").click()
    content_type = request_info.value.request.headers["content-type"]
    assert content_type.startswith("multipart/form-data")
    driver.wait_for_results()
    expect(page.locator("#player")).to_have_count(0)
    expect(page.locator("#query-chip")).to_contain_text("region of evening.mp4")
    assert all(re.search("chelsea|evening", name) for name in list_labels(driver.hits)[:2])


def test_escape_cancels_region_selection_and_keeps_player_open(driver: PageDriver) -> None:
    driver.card("rocket.jpg").locator(".thumbnail").click()
    driver.page.keyboard.press("m")
    expect(driver.page.locator("#player .region-selector")).to_be_focused()
    driver.page.keyboard.press("ArrowRight")
    driver.page.keyboard.press("Escape")
    expect(driver.page.locator("#player .region-selector")).to_have_count(0)
    expect(driver.page.locator("#player")).to_be_visible()
    driver.page.keyboard.press("Escape")
    expect(driver.page.locator("#player")).to_have_count(0)


def test_search_for_similar_moments_from_hit_and_player(driver: PageDriver) -> None:
    page = driver.page
    driver.search_with_file("cat.jpg", encode_jpeg("chelsea.png"))
    with page.expect_response("**/v1/search", timeout=PROCESSING_TIMEOUT_MS) as request_info:
        driver.hits_of("evening.mp4").first.get_by_role("button", name="More like").click()
    driver.wait_for_results()
    assert '"like"' in (request_info.value.request.post_data or "")
    expect(page.locator("#query-chip")).to_contain_text("like evening.mp4 at 0:08")
    expect(driver.hits.first).to_contain_text("chelsea.png")
    assert not [name for name in list_labels(driver.hits) if name.startswith("Play evening.mp4, 0:08")]
    # From the player at its current time, then after a reload.
    driver.search_with_file("coffee.jpg", encode_jpeg("coffee.png"))
    driver.hits_of("evening.mp4").first.locator(".thumbnail").click()
    driver.wait_for_video_at(get_scene_start("coffee.png"))
    with page.expect_response("**/v1/search", timeout=PROCESSING_TIMEOUT_MS):
        page.keyboard.press(".")
    driver.wait_for_results()
    expect(driver.hits.first).to_contain_text("coffee.png")
    page.reload()
    driver.wait_for_results()
    expect(driver.hits.first).to_contain_text("coffee.png")


def test_search_for_spoken_words_shows_speech_evidence(driver: PageDriver) -> None:
    driver.search("try again, fail again, fail better")
    expect(driver.hits.first.locator(".evidence .speech")).to_contain_text(re.compile("fail", re.I))


def test_search_without_results_and_with_invalid_file_shows_messages(driver: PageDriver) -> None:
    page = driver.page
    page.locator("#kinds label", has_text="Audio").click()
    driver.search_with_file("chelsea.png", encode_jpeg("chelsea.png"))
    expect(page.locator(".no-results")).to_contain_text("No results.")
    expect(page.locator(".no-results")).to_contain_text("Filters are set")
    expect(page.locator("#announcement")).to_have_text("No results.")
    driver.screenshot("no-results")
    page.click("#clear")
    expect(page.locator("#results")).to_have_count(0)
    driver.search_with_file("letter.jpg", b"no picture at all, " * 50)
    expect(page.locator("#results .error")).to_contain_text("letter.jpg")
    expect(driver.hits).to_have_count(0)


def test_filters_restrict_results(driver: PageDriver) -> None:
    page = driver.page
    driver.search_with_file("cat.jpg", encode_jpeg("chelsea.png"))
    expect(driver.hits.first).to_contain_text("chelsea.png")
    with page.expect_response("**/v1/search", timeout=PROCESSING_TIMEOUT_MS):
        page.get_by_role("button", name="Search only here: evening.mp4").click()
    driver.wait_for_results()
    assert {name.split(",")[0] for name in list_labels(driver.hits)} == {"Play evening.mp4"}
    with page.expect_response("**/v1/search", timeout=PROCESSING_TIMEOUT_MS):
        page.get_by_role("button", name="Remove the filter on evening.mp4").click()
    page.click("#tags summary")
    with page.expect_response("**/v1/search", timeout=PROCESSING_TIMEOUT_MS):
        page.locator("#tags label", has_text="#png").click()
    driver.wait_for_results()
    expect(driver.hits.first).to_contain_text("chelsea.png")
    assert not [name for name in list_labels(driver.hits) if "evening" in name]


def test_url_restores_query_and_item(driver: PageDriver, library: ApiServer, browser: Browser) -> None:
    page = driver.page
    driver.search("fail better")
    first = driver.hits.first.locator(".thumbnail").get_attribute("aria-label")
    assert "q=fail+better" in page.url
    page.reload()
    driver.wait_for_results()
    expect(page.locator("#query-text")).to_have_value("fail better")
    expect(driver.hits.first.locator(".thumbnail")).to_have_attribute("aria-label", str(first))
    driver.search("a cup of coffee")
    page.go_back()
    driver.wait_for_results()
    expect(page.locator("#query-text")).to_have_value("fail better")
    page.go_back()
    expect(page.locator("#items")).to_be_visible()
    item = next(entry["id"] for entry in library.client.get("/v1/media").json()["items"] if entry["name"] == "evening.mp4")
    with open_page(browser, f"{library.url}/#item={item}&at=8.00") as linked_page:
        linked_page.wait_for_video_at(8.0)


def test_excluded_terms_are_searched_and_kept_in_url(driver: PageDriver) -> None:
    page = driver.page
    driver.search("fail better")
    score = float(driver.hits.first.locator(".score").inner_text().strip(" %"))
    page.fill("#without", "try again fail again fail better, snow")
    page.keyboard.press("Enter")
    driver.wait_for_results()
    assert "not=try+again" in page.url
    scores = page.locator("#hits .score").all_inner_texts()
    assert all(float(text.strip(" %")) < score for text in scores)
    driver.screenshot("without")
    page.reload()
    driver.wait_for_results()
    expect(page.locator("#without")).to_have_value("try again fail again fail better, snow")
    page.go_back()
    driver.wait_for_results()
    expect(page.locator("#without")).to_have_value("")


def test_near_duplicates_are_listed_below_one_hit(driver: PageDriver, library: ApiServer) -> None:
    copy = ingest(library, encode_jpeg("chelsea.png", quality=60), "same-cat.jpg")
    page = driver.page
    driver.search_with_file("cat.jpg", encode_jpeg("chelsea.png"))
    expect(driver.hits_of("chelsea.png")).to_have_count(1)
    expect(driver.hits_of("same-cat.jpg")).to_have_count(0)
    button = page.get_by_role("button", name="+1 near-duplicate of chelsea.png")
    expect(button).to_have_text("+1 near-duplicate")
    button.click()
    expect(button).to_have_attribute("aria-expanded", "true")
    driver.screenshot("near-duplicates")
    page.get_by_role("button", name="Open same-cat.jpg").click()
    expect(page.locator("#player")).to_contain_text("same-cat.jpg")
    page.keyboard.press("Escape")
    library.client.delete(f"/v1/media/{copy}").raise_for_status()
