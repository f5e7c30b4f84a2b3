"""Likely hits, and less likely hits in a collapsed section."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from tests.page.page_driver import PageDriver, list_labels
from tests.page.videos import encode_jpeg

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("page")]


def set_band(is_likely: Callable[[str], bool]) -> Callable[[dict[str, Any]], None]:
    def change(hit: dict[str, Any]) -> None:
        hit["band"] = "likely" if is_likely(hit["item"]["name"]) else "possible"

    return change


def test_less_likely_hits_are_collapsed_until_expanded(driver: PageDriver) -> None:
    page = driver.page

    def change(hit: dict[str, Any]) -> None:
        set_band(lambda name: name == "chelsea.png")(hit)
        if hit["band"] == "possible" and hit["item"]["name"] != "evening.mp4":
            hit["band"] = "weak"

    driver.patch_hits(change)
    driver.search_with_file("cat.jpg", encode_jpeg("chelsea.png"))
    toggle = page.get_by_role("button", name="Less likely (")
    expect(toggle).to_have_attribute("aria-expanded", "false")
    expect(page.locator("#results-title")).to_have_text("1 result")
    assert [name for name in list_labels(driver.hits) if "chelsea.png" not in name] == []
    driver.hits.first.locator(".thumbnail").click()
    expect(page.locator("#player .pager")).to_have_text("1 of 1")
    page.keyboard.press("Escape")
    toggle.focus()
    page.keyboard.press("Enter")
    expect(toggle).to_have_attribute("aria-expanded", "true")
    expect(driver.hits.nth(1)).to_contain_text("image")
    expect(driver.hits.first.locator(".band")).to_have_count(0)
    expect(page.locator("#possible .band").filter(has_text="possible")).not_to_have_count(0)
    assert "evening.mp4" in " ".join(list_labels(page.locator("#possible .hit")))
    driver.screenshot("bands")
    page.locator("#possible .thumbnail").first.click()
    expect(page.locator("#player .pager")).to_contain_text("2 of ")


def test_hits_show_how_their_words_match_the_query(driver: PageDriver) -> None:
    def change(hit: dict[str, Any]) -> None:
        for piece in hit["evidence"]:
            piece.update(kind="speech", text="seven of clubs", match="meaning")

    driver.patch_hits(change)
    driver.search_with_file("cat.jpg", encode_jpeg("chelsea.png"))
    expect(driver.hits.first.locator(".match").first).to_have_text("by meaning")


def test_results_without_likely_hits_show_less_likely_hits_expanded(driver: PageDriver) -> None:
    page = driver.page
    driver.patch_hits(set_band(lambda name: False))
    driver.search_with_file("cat.jpg", encode_jpeg("chelsea.png"))
    expect(page.locator("#results-title")).to_have_text("No likely results")
    expect(page.locator("#announcement")).to_contain_text("No likely results")
    expect(page.locator(".no-results")).to_have_count(0)
    toggle = page.get_by_role("button", name="Less likely (")
    expect(toggle).to_have_attribute("aria-expanded", "true")
    expect(page.locator("#possible")).to_contain_text("chelsea.png")
    driver.screenshot("bands-none-likely")
    toggle.click()
    expect(driver.hits).to_have_count(0)


def test_excluded_terms_of_a_text_are_chips_whose_removal_searches_the_whole_text(driver: PageDriver) -> None:
    page = driver.page
    driver.search("a cat not in water")
    terms = page.locator("#parsed-terms")
    expect(terms).to_contain_text("Searched for a cat")
    expect(terms.locator(".chip")).to_have_text("without water")
    driver.screenshot("parsed-terms")
    with page.expect_request("**/v1/search") as sent:
        terms.get_by_role("button").click()
    assert sent.value.post_data_json["parse"] is False
    driver.wait_for_results()
    expect(terms).to_have_count(0)
    driver.search("no people")
    expect(terms).to_contain_text("Searched for everything")
