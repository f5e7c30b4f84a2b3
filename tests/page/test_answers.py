"""Answers, the conversation, chapters, captions and exports, with scripted responses."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from tests.page.conftest import CHROMIUM
from tests.page.page_driver import PageDriver, open_page
from tests.page.test_layout import assert_accessible
from tests.page.videos import encode_jpeg
from tests.workers.videos import SPEECH

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Locator, Route

    from tests.api.conftest import ApiServer

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("page")]

QUESTION = "when is the cat shown?"
STATE = {"text": "cat", "also": ["a cup"], "without": ["dog"], "items": [], "before": 90, "after": None, "selected": None}


def make_citation(item: dict[str, Any], n: int, start: float, end: float, text: str) -> dict[str, Any]:
    return {
        "n": n,
        "item_id": item["id"],
        "segment_id": f"{item['id']}@{start:.3f}-{end:.3f}",
        "name": item["name"],
        "media": f"/v1/media/{item['id']}/content",
        "start": start,
        "end": end,
        "kind": item["kind"],
        "evidence": "picture",
        "text": text,
    }


def make_answer(*citations: dict[str, Any], **changes: object) -> dict[str, Any]:
    sentences = [{"text": f"The cat is shown, part {c['n']} [{c['n']}].", "citations": [c["n"]]} for c in citations]
    answer = {
        "text": " ".join(sentence["text"] for sentence in sentences),
        "sentences": sentences,
        "citations": list(citations),
        "refused": False,
        "reason": None,
        "model": "test-model",
        "state": STATE,
        "hits": [],
        "notes": [],
    }
    return answer | changes


def encode_events(*events: tuple[str, object]) -> str:
    return "".join(f"event: {name}\ndata: {json.dumps(data)}\n\n" for name, data in events)


def script(driver: PageDriver, *answers: dict[str, Any], route: str = "/v1/ask") -> list[dict[str, Any]]:
    """Respond to each request with the next answer. Returns the list that receives the bodies."""
    bodies: list[dict[str, Any]] = []

    def fulfill(request: Route) -> None:
        answer = answers[len(bodies)]
        bodies.append(request.request.post_data_json)
        parts = [("sentence", sentence | {"cited": []}) for sentence in answer.get("sentences", [])]
        parts += [("chapter", chapter) for chapter in answer.get("chapters", [])]
        request.fulfill(body=encode_events(*parts, ("done", answer)), content_type="text/event-stream")

    driver.page.route(f"**{route}", fulfill)
    return bodies


@pytest.fixture
def evening(library: ApiServer) -> dict[str, Any]:
    """The video of the library."""
    items = library.client.get("/v1/media", params={"offset": 0, "name": "evening"}).json()["items"]
    item: dict[str, Any] = items[0]
    return item


def save(driver: PageDriver, menu: Locator, entry: str) -> tuple[str, str]:
    """Save an entry of an export menu. Returns the file name and the content."""
    menu.locator("summary").click()
    with driver.page.expect_download() as download:
        menu.get_by_role("button", name=entry).click()
    return download.value.suggested_filename, Path(download.value.path()).read_text()


def test_question_is_answered_above_hits_and_citation_opens_player(driver: PageDriver, evening: dict[str, Any]) -> None:
    page = driver.page
    bodies = script(driver, make_answer(make_citation(evening, 1, 8.0, 12.0, "a cat"), make_citation(evening, 2, 12.5, 15.0, "")))
    driver.search(QUESTION)
    answer = page.locator("#answer")
    expect(answer.locator(".sentence")).to_have_count(2)
    expect(answer).to_contain_text("Written by test-model")
    assert bodies[0]["query"] == QUESTION
    assert bodies[0]["stream"] is True
    answer.get_by_role("button", name="Open moment 2: evening.mp4, 0:12–0:15").click()
    driver.wait_for_video_at(12.5)
    page.keyboard.press("Escape")
    expect(page.locator("#player")).to_have_count(0)
    answer.get_by_role("button", name="1 evening.mp4, 0:08–0:12 a cat", exact=True).click()
    driver.wait_for_video_at(8.0)


def test_question_is_answered_by_service_from_speech(driver: PageDriver) -> None:
    driver.search("who says fail better?")
    answer = driver.page.locator("#answer")
    expect(answer.locator(".model")).to_be_visible()
    expect(answer).to_contain_text("fail", ignore_case=True)
    answer.locator(".citation").first.click()
    expect(driver.page.locator("#player")).to_be_visible()


def test_question_without_match_is_refused_by_service(driver: PageDriver) -> None:
    driver.search("what is the integral of x squared?")
    expect(driver.page.locator("#answer .refused")).to_contain_text("The library does not show that.")


def test_search_that_is_no_question_is_answered_by_button(driver: PageDriver, evening: dict[str, Any]) -> None:
    bodies = script(driver, make_answer(make_citation(evening, 1, 8.0, 12.0, "a cat")))
    driver.search("a cat")
    assert bodies == []
    driver.page.click("#answer-query")
    expect(driver.page.locator("#answer .sentence")).to_have_count(1)
    driver.search_with_file("cat.jpg", encode_jpeg("chelsea.png"))
    expect(driver.page.locator("#answer, #answer-query")).to_have_count(0)


@pytest.mark.parametrize(
    ("changes", "texts"),
    [
        (
            {"refused": True, "text": "The library does not show that.", "reason": "Nothing matches.", "sentences": []},
            ["The library does not show that.", "Nothing matches."],
        ),
        ({"model": "extractive"}, ["Quoted from the evidence; no language model was used."]),
        ({"notes": ["One sentence was removed."]}, ["One sentence was removed."]),
    ],
)
def test_answer_states_refusal_model_and_notes(
    driver: PageDriver, evening: dict[str, Any], changes: dict[str, Any], texts: list[str]
) -> None:
    citations = [] if changes.get("refused") else [make_citation(evening, 1, 8.0, 12.0, "a cat")]
    script(driver, make_answer(*citations, **changes))
    driver.search(QUESTION)
    for text in texts:
        expect(driver.page.locator("#answer")).to_contain_text(text)
    expect(driver.page.locator("#answer .citation")).to_have_count(len(citations))


def test_answer_that_quotes_a_caption_states_that_a_model_has_written_it(driver: PageDriver, evening: dict[str, Any]) -> None:
    citation = make_citation(evening, 1, 8.0, 12.0, "a cat") | {"evidence": "caption"}
    script(driver, make_answer(citation, model="extractive"))
    driver.search(QUESTION)
    expect(driver.page.locator("#answer .model")).to_have_text(
        "Quoted from the evidence. Captions are written by a model and can be wrong."
    )


def test_failed_answer_shows_reason_and_keeps_hits(driver: PageDriver) -> None:
    page = driver.page
    problem = {"detail": "The model could not be loaded.", "status": 500}
    page.route("**/v1/ask", lambda route: route.fulfill(body=encode_events(("error", problem)), content_type="text/event-stream"))
    driver.search("what does beckett say about failing better?")
    expect(page.locator("#answer .request-error")).to_contain_text("The model could not be loaded.")
    expect(driver.hits.first).to_be_visible()


def test_conversation_sends_earlier_rounds_and_state_without_removed_chip(driver: PageDriver, evening: dict[str, Any]) -> None:
    page = driver.page
    cite = make_citation(evening, 1, 8.0, 12.0, "a cat")
    bodies = script(driver, make_answer(cite), make_answer(cite, text="Again."), make_answer(cite))
    page.keyboard.press("c")
    expect(page.locator("#question")).to_be_focused()
    for question in (QUESTION, "and without the dog?"):
        page.keyboard.type(question)
        page.keyboard.press("Enter")
        expect(page.locator("#conversation article").last.locator(".sentence")).to_have_count(1)
    chips = page.locator("#conversation .chip")
    assert chips.all_text_contents() == ["cat", "and a cup", "without dog", "before 1:30"]
    page.get_by_role("button", name="Remove “without dog” from the conversation").click()
    expect(chips).to_have_count(3)
    page.fill("#question", "the second one")
    page.press("#question", "Enter")
    expect(page.locator("#conversation article")).to_have_count(3)
    assert bodies[0]["conversation"] == []
    assert [entry["query"] for entry in bodies[2]["conversation"]] == [QUESTION, "and without the dog?"]
    assert bodies[2]["conversation"][0]["state"] == STATE
    assert bodies[2]["conversation"][1] == {"query": "and without the dog?", "answer": "Again.", "state": STATE | {"without": []}}
    page.keyboard.press("Escape")
    expect(page.locator("#conversation")).to_have_count(0)
    expect(page.locator("#open-conversation")).to_be_focused()


def test_follow_up_continues_answer_of_search_in_conversation(driver: PageDriver, evening: dict[str, Any]) -> None:
    page = driver.page
    cite = make_citation(evening, 1, 8.0, 12.0, "a cat")
    bodies = script(driver, make_answer(cite), make_answer(cite))
    driver.search(QUESTION)
    page.click("#follow-up")
    expect(page.locator("#conversation article")).to_have_count(1)
    page.fill("#question", "and earlier?")
    page.press("#question", "Enter")
    expect(page.locator("#conversation article")).to_have_count(2)
    expect(page.locator("#conversation .sentence")).to_have_count(2)
    assert bodies[1]["conversation"][0]["query"] == QUESTION


def test_conversation_of_15_rounds_offers_new_one(driver: PageDriver, evening: dict[str, Any]) -> None:
    page = driver.page
    script(driver, *[make_answer(make_citation(evening, 1, 8.0, 12.0, "a cat"))] * 15)
    page.click("#open-conversation")
    for count in range(1, 16):
        page.fill("#question", f"question {count}?")
        page.press("#question", "Enter")
        expect(page.locator("#conversation .model")).to_have_count(count)
    expect(page.locator("#conversation footer")).to_contain_text("at most 15 rounds")
    page.get_by_role("button", name="New", exact=True).click()
    expect(page.locator("#question")).to_be_visible()
    expect(page.locator("#conversation article")).to_have_count(0)


def test_answer_is_exported_as_markdown_and_subtitles(driver: PageDriver, evening: dict[str, Any]) -> None:
    citations = (make_citation(evening, 1, 8.0, 12.25, "a cat"), make_citation(evening, 2, 2.0, 3.0, "a\n\ncup"))
    script(driver, make_answer(*citations))
    driver.search(QUESTION)
    menu = driver.page.locator("#answer .menu")
    name, markdown = save(driver, menu, "Save as Markdown")
    assert name == "when is the cat shown.md"
    assert "The cat is shown, part 1 [1]. The cat is shown, part 2 [2]." in markdown
    assert "1. evening.mp4, 0:08–0:12: “a cat”" in markdown
    name, subtitles = save(driver, menu, "Save as SRT")
    assert name == "evening.srt"
    assert subtitles == "1\n00:00:02,000 --> 00:00:03,000\na cup\n\n2\n00:00:08,000 --> 00:00:12,250\na cat\n"


def test_chapters_are_listed_beside_player_and_exported(driver: PageDriver) -> None:
    page = driver.page
    chapters = [
        {"start": 0.0, "end": 8.0, "title": "Coffee", "text": "A cup of coffee."},
        {"start": 8.0, "end": 16.0, "title": "A cat", "text": "A cat looks at the camera."},
    ]
    summary = {"item_id": "x", "text": "Coffee and a cat.", "chapters": chapters, "model": "test-model", "notes": []}
    script(driver, summary, route="/v1/summaries")
    driver.card("evening.mp4").locator(".thumbnail").click()
    page.get_by_role("tab", name="Transcript").press("ArrowRight")
    expect(page.get_by_role("tab", name="Chapters")).to_be_focused()
    page.click("#make-chapters")
    expect(page.locator("#chapter-list li")).to_have_count(2)
    expect(page.locator(".chapters .summary")).to_have_text("Coffee and a cat.")
    page.locator("#chapter-list .line").nth(1).click()
    driver.wait_for_video_at(8.0)
    expect(page.locator("#chapter-list .line").nth(1)).to_have_attribute("aria-current", "true")
    menu = page.locator(".chapters .menu")
    assert "- **0:08 A cat**: A cat looks at the camera." in save(driver, menu, "Save as Markdown")[1]
    assert "00:00:08,000 --> 00:00:16,000\nA cat looks at the camera." in save(driver, menu, "Save as SRT")[1]


def test_captions_are_shown_on_cards_and_hits(driver: PageDriver) -> None:
    page, caption = driver.page, "A cat with orange fur looks at the camera."

    def add_caption(route: Route) -> None:
        response = route.fetch()
        body = response.json()
        for item in body["items"]:
            item["caption"] = caption if item["name"] == "chelsea.png" else None
        route.fulfill(response=response, json=body)

    page.route(re.compile(r"/v1/media\?"), add_caption)
    driver.patch_hits(lambda hit: hit.update(caption=caption))
    page.reload()
    expect(driver.card("chelsea.png").locator(".caption")).to_have_text(caption)
    expect(driver.card("coffee.png").locator(".caption")).to_have_count(0)
    driver.search_with_file("cat.jpg", encode_jpeg("chelsea.png"))
    expect(driver.hits.first.locator("p.caption")).to_have_text(caption)


@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_answer_conversation_and_chapters_fit_their_width_and_are_accessible(
    library: ApiServer, browser: Browser, evening: dict[str, Any], width: int, theme: str
) -> None:
    with open_page(browser, library.url, width=width, theme=theme) as driver:
        page = driver.page
        citations = [
            make_citation(evening, n, 2.0 * n, 2.0 * n + 1, "fail again, fail better" if n % 2 else "") for n in range(1, 5)
        ]
        answer = make_answer(
            *citations, notes=["A note."], steps=[{"tool": "when", "arguments": {"query": "cat"}, "result": "…"}]
        )
        script(driver, *[answer] * 3)
        driver.search(QUESTION)
        expect(page.locator("#answer .model")).to_be_visible()
        assert_accessible(driver, "answer", width, theme)
        page.click("#follow-up")
        page.fill("#question", "and the second one, without the dog?")
        page.press("#question", "Enter")
        expect(page.locator("#conversation .model")).to_have_count(2)
        assert_accessible(driver, "conversation", width, theme)
        page.keyboard.press("Escape")
        driver.hits_of("evening.mp4").first.locator(".thumbnail").click()
        chapters = [
            {"start": 4.0 * n, "end": 4.0 * n + 4, "title": f"Scene {n}", "text": "A sentence about it."} for n in range(4)
        ]
        summary = {"item_id": "x", "text": "A paragraph.", "chapters": chapters, "model": "extractive", "notes": []}
        script(driver, summary, route="/v1/summaries")
        page.get_by_role("tab", name="Chapters").click()
        page.click("#make-chapters")
        expect(page.locator("#chapter-list li")).to_have_count(4)
        assert_accessible(driver, "chapters", width, theme)


def test_chapters_of_service_follow_scenes_of_video(driver: PageDriver) -> None:
    driver.card("evening.mp4").locator(".thumbnail").click()
    driver.page.get_by_role("tab", name="Chapters").click()
    driver.page.click("#make-chapters")
    expect(driver.page.locator("#chapter-list .line").first).to_contain_text("0:00")


@pytest.fixture
def speaking_browser(browser: Browser) -> Iterator[Browser]:
    """A browser whose microphone plays a file of speech."""
    fake = ("--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream", f"--use-file-for-fake-audio-capture={SPEECH}")
    speaking = browser.browser_type.launch(executable_path=CHROMIUM, args=["--no-sandbox", *fake])
    yield speaking
    speaking.close()


def test_spoken_question_is_recognized_and_answered(library: ApiServer, speaking_browser: Browser) -> None:
    with open_page(speaking_browser, library.url) as driver:
        page = driver.page
        page.keyboard.press("c")
        page.click("#microphone")
        expect(page.locator("#microphone")).to_contain_text("4 s")
        page.click("#microphone")
        expect(page.locator("#conversation .question")).to_contain_text("failed", ignore_case=True)
        expect(page.locator("#conversation .model")).to_be_visible()
        driver.screenshot("spoken-light-1280")


def test_steps_of_agent_are_requested_and_listed(driver: PageDriver, evening: dict[str, Any]) -> None:
    page = driver.page
    step = {"tool": "when", "arguments": {"query": "cat"}, "result": "evening.mp4 8-12 s", "error": None, "seconds": 0.1}
    bodies = script(driver, make_answer(make_citation(evening, 1, 8.0, 12.0, "a cat"), steps=[step]))
    page.click("#open-conversation")
    page.get_by_label("In steps").check()
    page.fill("#question", QUESTION)
    page.press("#question", "Enter")
    page.locator("#conversation .steps summary").click()
    expect(page.locator("#conversation .steps")).to_contain_text("evening.mp4 8-12 s")
    assert bodies[0]["agent"] is True
