"""Hits that are likely, and those that are less likely, folded behind their number."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from tests.page.films import jpeg
from tests.page.opened import Open, names_of

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("page")]


def band(is_likely: Callable[[str], bool]) -> Callable[[dict[str, Any]], None]:
    def change(hit: dict[str, Any]) -> None:
        hit["band"] = "likely" if is_likely(hit["item"]["name"]) else "possible"

    return change


def test_less_likely_hits_are_folded_behind_their_number(opened: Open) -> None:
    page = opened.page
    opened.change_answers(band(lambda name: name == "chelsea.png"))
    opened.ask_with("cat.jpg", jpeg("chelsea.png"))
    fold = page.get_by_role("button", name="Less likely (")
    expect(fold).to_have_attribute("aria-expanded", "false")
    expect(page.locator("#answer-title")).to_have_text("1 moment")
    assert [name for name in names_of(opened.hits) if "chelsea.png" not in name] == []
    opened.hits.first.locator(".still").click()
    expect(page.locator("#player .steps")).to_have_text("1 of 1")
    page.keyboard.press("Escape")
    fold.focus()
    page.keyboard.press("Enter")
    expect(fold).to_have_attribute("aria-expanded", "true")
    expect(opened.hits.nth(1)).to_contain_text("seen")
    assert "evening.mp4" in " ".join(names_of(page.locator("#possible .moment")))
    opened.keep("bands")
    page.locator("#possible .still").first.click()
    expect(page.locator("#player .steps")).to_contain_text("2 of ")


def test_without_likely_hits_it_is_said_and_the_others_are_shown(opened: Open) -> None:
    page = opened.page
    opened.change_answers(band(lambda name: False))
    opened.ask_with("cat.jpg", jpeg("chelsea.png"))
    expect(page.locator("#answer-title")).to_have_text("Nothing is a likely match")
    expect(page.locator("#said")).to_contain_text("Nothing is a likely match")
    expect(page.locator(".nothing")).to_have_count(0)
    fold = page.get_by_role("button", name="Less likely (")
    expect(fold).to_have_attribute("aria-expanded", "true")
    expect(page.locator("#possible")).to_contain_text("chelsea.png")
    opened.keep("bands-none-likely")
    fold.click()
    expect(opened.hits).to_have_count(0)
