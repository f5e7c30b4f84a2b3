"""Questions in words, with files, with a part of a frame, with a moment; and what the answer
shows."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.page.conftest import taken_in
from tests.page.films import jpeg, scene_start
from tests.page.opened import WORK_MS, Open, names_of, opened_at

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from tests.api.conftest import ApiServer

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("page")]


def test_a_dropped_picture_is_asked_with_and_its_hits_stand_on_a_timeline(opened: Open) -> None:
    page = opened.page
    opened.drop("#ask-field", "cat.jpg", jpeg("chelsea.png"))
    opened.answered()
    expect(page.locator("#query-chip")).to_contain_text("cat.jpg")
    expect(opened.hits.first).to_contain_text("chelsea.png")
    expect(opened.hit("evening.mp4").first).to_contain_text("seen")
    mark = page.locator("#hits .timeline .mark").first
    line = page.locator("#hits .timeline").first.bounding_box()
    box = mark.bounding_box()
    assert line
    assert box
    assert (box["x"] - line["x"]) / line["width"] == pytest.approx(scene_start("chelsea.png") / 16, abs=0.05)
    mark.hover()
    expect(page.locator(".glimpse")).to_contain_text("0:08")
    opened.keep("hits")
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    opened.film_is_at(scene_start("chelsea.png"))
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Ask without cat.jpg").click()
    expect(page.locator("#items")).to_be_visible()


def test_a_part_of_the_picture_in_the_question_is_marked(opened: Open) -> None:
    opened.ask_with("cat.jpg", jpeg("chelsea.png"))
    opened.page.get_by_role("button", name="Mark a part of cat.jpg").click()
    expect(opened.page.locator("#crop .marker")).to_be_focused()
    with opened.page.expect_response("**/v1/search", timeout=WORK_MS):
        opened.page.keyboard.press("Enter")
    opened.answered()
    expect(opened.page.locator("#query-chip")).to_contain_text("part of cat.jpg")
    assert all(re.search("chelsea|evening", name) for name in names_of(opened.hits)[:2])


def test_a_part_of_a_frame_is_marked_with_the_mouse(opened: Open) -> None:
    page = opened.page
    opened.ask_with("cat.jpg", jpeg("chelsea.png"))
    opened.hit("evening.mp4").first.locator(".still").click()
    opened.film_is_at(scene_start("chelsea.png"))
    page.keyboard.press("m")
    marker = page.locator("#player .marker")
    expect(marker).to_be_focused()
    box = marker.bounding_box()
    assert box
    assert box["width"] / box["height"] == pytest.approx(1.5, abs=0.01)  # of the film, not of the black beside it
    page.mouse.move(box["x"] + 0.1 * box["width"], box["y"] + 0.1 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.9 * box["width"], box["y"] + 0.9 * box["height"], steps=4)
    page.mouse.up()
    opened.keep("mark")
    with page.expect_response("**/v1/search", timeout=WORK_MS) as asked:
        page.get_by_role("button", name="Ask with this part").click()
    sent = asked.value.request.headers["content-type"]
    assert sent.startswith("multipart/form-data")
    opened.answered()
    expect(page.locator("#player")).to_have_count(0)
    expect(page.locator("#query-chip")).to_contain_text("part of evening.mp4")
    assert all(re.search("chelsea|evening", name) for name in names_of(opened.hits)[:2])


def test_escape_leaves_the_marking_and_not_the_player(opened: Open) -> None:
    opened.card("rocket.jpg").locator(".still").click()
    opened.page.keyboard.press("m")
    expect(opened.page.locator("#player .marker")).to_be_focused()
    opened.page.keyboard.press("ArrowRight")
    opened.page.keyboard.press("Escape")
    expect(opened.page.locator("#player .marker")).to_have_count(0)
    expect(opened.page.locator("#player")).to_be_visible()
    opened.page.keyboard.press("Escape")
    expect(opened.page.locator("#player")).to_have_count(0)


def test_more_like_a_moment(opened: Open) -> None:
    page = opened.page
    opened.ask_with("cat.jpg", jpeg("chelsea.png"))
    with page.expect_response("**/v1/search", timeout=WORK_MS) as asked:
        opened.hit("evening.mp4").first.get_by_role("button", name="More like").click()
    opened.answered()
    assert '"like"' in (asked.value.request.post_data or "")
    expect(page.locator("#query-chip")).to_contain_text("like evening.mp4 at 0:08")
    expect(opened.hits.first).to_contain_text("chelsea.png")
    assert not [name for name in names_of(opened.hits) if name.startswith("Play evening.mp4, 0:08")]
    # From the player, at the time where it stands, and behind a reload of the page.
    opened.ask_with("coffee.jpg", jpeg("coffee.png"))
    opened.hit("evening.mp4").first.locator(".still").click()
    opened.film_is_at(scene_start("coffee.png"))
    with page.expect_response("**/v1/search", timeout=WORK_MS):
        page.keyboard.press(".")
    opened.answered()
    expect(opened.hits.first).to_contain_text("coffee.png")
    page.reload()
    opened.answered()
    expect(opened.hits.first).to_contain_text("coffee.png")


def test_words_that_were_said_are_the_evidence(opened: Open) -> None:
    opened.ask("try again, fail again, fail better")
    expect(opened.hits.first.locator(".why .speech")).to_contain_text(re.compile("fail", re.I))


def test_nothing_matches_and_a_bad_question_are_said(opened: Open) -> None:
    page = opened.page
    page.locator("#kinds label", has_text="Sounds").click()
    opened.ask_with("chelsea.png", jpeg("chelsea.png"))
    expect(page.locator(".nothing")).to_contain_text("Nothing matches.")
    expect(page.locator(".nothing")).to_contain_text("Filters are set")
    expect(page.locator("#said")).to_have_text("Nothing matches.")
    opened.keep("nothing")
    page.click("#clear")
    expect(page.locator("#answer")).to_have_count(0)
    opened.ask_with("letter.jpg", b"no picture at all, " * 50)
    expect(page.locator("#answer .error")).to_contain_text("letter.jpg")
    expect(opened.hits).to_have_count(0)


def test_filters_narrow_the_answer(opened: Open) -> None:
    page = opened.page
    opened.ask_with("cat.jpg", jpeg("chelsea.png"))
    expect(opened.hits.first).to_contain_text("chelsea.png")
    with page.expect_response("**/v1/search", timeout=WORK_MS):
        page.get_by_role("button", name="Look only here: evening.mp4").click()
    opened.answered()
    assert {name.split(",")[0] for name in names_of(opened.hits)} == {"Play evening.mp4"}
    with page.expect_response("**/v1/search", timeout=WORK_MS):
        page.get_by_role("button", name="Look in more than evening.mp4").click()
    page.click("#tags summary")
    with page.expect_response("**/v1/search", timeout=WORK_MS):
        page.locator("#tags label", has_text="#png").click()
    opened.answered()
    expect(opened.hits.first).to_contain_text("chelsea.png")
    assert not [name for name in names_of(opened.hits) if "evening" in name]


def test_the_address_leads_back(opened: Open, library: ApiServer, browser: Browser) -> None:
    page = opened.page
    opened.ask("fail better")
    first = opened.hits.first.locator(".still").get_attribute("aria-label")
    assert "q=fail+better" in page.url
    page.reload()
    opened.answered()
    expect(page.locator("#words")).to_have_value("fail better")
    expect(opened.hits.first.locator(".still")).to_have_attribute("aria-label", str(first))
    opened.ask("a cup of coffee")
    page.go_back()
    opened.answered()
    expect(page.locator("#words")).to_have_value("fail better")
    page.go_back()
    expect(page.locator("#items")).to_be_visible()
    item = next(one["id"] for one in library.client.get("/v1/media").json()["items"] if one["name"] == "evening.mp4")
    with opened_at(browser, f"{library.url}/#item={item}&at=8.00") as linked:
        linked.film_is_at(8.0)


def test_what_must_not_be_there_goes_with_the_question_and_into_the_address(opened: Open) -> None:
    page = opened.page
    opened.ask("fail better")
    score = float(opened.hits.first.locator(".score").inner_text().strip(" %"))
    page.fill("#without", "try again fail again fail better, snow")
    page.keyboard.press("Enter")
    opened.answered()
    assert "not=try+again" in page.url
    left = page.locator("#hits .score").all_inner_texts()
    assert all(float(text.strip(" %")) < score for text in left)
    opened.keep("without")
    page.reload()
    opened.answered()
    expect(page.locator("#without")).to_have_value("try again fail again fail better, snow")
    page.go_back()
    opened.answered()
    expect(page.locator("#without")).to_have_value("")


def test_near_duplicates_stand_behind_one_hit(opened: Open, library: ApiServer) -> None:
    copy = taken_in(library, jpeg("chelsea.png", quality=60), "same-cat.jpg")
    page = opened.page
    opened.ask_with("cat.jpg", jpeg("chelsea.png"))
    expect(opened.hit("chelsea.png")).to_have_count(1)
    expect(opened.hit("same-cat.jpg")).to_have_count(0)
    more = page.get_by_role("button", name="1 more moment shows the same as chelsea.png")
    expect(more).to_have_text("+1 alike")
    more.click()
    expect(more).to_have_attribute("aria-expanded", "true")
    opened.keep("alike")
    page.get_by_role("button", name="Open same-cat.jpg").click()
    expect(page.locator("#player")).to_contain_text("same-cat.jpg")
    page.keyboard.press("Escape")
    library.client.delete(f"/v1/media/{copy}").raise_for_status()
