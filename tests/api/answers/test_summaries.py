"""Summaries: chapters of a video of scenes, of half an hour, and refusals."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mm.answers.summaries import MAX_CHAPTERS
from mm.schemas import Chapter, Summary
from mm.spaces.encode.evidence import EncodedEvidence, EncodedSegment
from tests.api import media
from tests.api.answers.conftest import LINES
from tests.api.conftest import ApiServer, add_searchable, assert_problem

if TYPE_CHECKING:
    import pytest


def summarize(api: ApiServer, item_id: str) -> Summary:
    response = api.client.post("/v1/summaries", json={"item_id": item_id})
    assert response.status_code == 200, response.text
    return Summary.model_validate(response.json())


def test_summarize_has_a_chapter_for_each_scene_with_a_sentence(api: ApiServer, lecture: str) -> None:
    summary = summarize(api, lecture)

    assert [(chapter.start, chapter.end) for chapter in summary.chapters] == [(0, 10), (10, 20), (20, 30), (30, 40)]
    assert all(line in chapter.text for line, chapter in zip(LINES, summary.chapters, strict=True))
    assert summary.text.startswith("00:40 in 4 parts. ")
    assert LINES[0] in summary.text
    assert summary.model == "extractive"


def test_summarize_as_events_sends_the_chapters_first(api: ApiServer, lecture: str) -> None:
    response = api.client.post("/v1/summaries", json={"item_id": lecture, "stream": True})

    events = [dict(line.split(": ", 1) for line in event.splitlines()) for event in response.text.strip().split("\n\n")]
    assert [event["event"] for event in events] == ["chapter"] * 4 + ["done"]
    assert Chapter.model_validate_json(events[0]["data"]).start == 0.0
    assert Summary.model_validate_json(events[-1]["data"]) == summarize(api, lecture)


def test_summarize_half_an_hour_reads_the_scenes_page_by_page(api: ApiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    vector = np.full(api.service.space.dim, api.service.space.dim**-0.5, np.float32)
    segments = [
        EncodedSegment(2.0 * n, 2.0 * n + 2.0, n // 3, [EncodedEvidence("speech", 2.0 * n, 2.0 * n + 1, f"line {n}", vector)])
        for n in range(900)
    ]
    item_id = add_searchable(api, media.video(2.0, seed=31), "half an hour.mp4", "long", segments)
    pages: list[int] = []
    catalog = api.service.store.catalog
    read = type(catalog).list_segments

    def count(self: object, *args: object) -> object:
        page = read(self, *args)  # type: ignore[arg-type]
        pages.append(len(page))
        return page

    monkeypatch.setattr(type(catalog), "list_segments", count)
    summary = summarize(api, item_id)

    assert len(summary.chapters) == MAX_CHAPTERS
    assert (summary.chapters[0].start, summary.chapters[-1].end) == (0.0, 1800.0)
    assert summary.text.startswith("30:00 in 12 parts. ")
    assert max(pages) <= 200
    assert sum(pages) == 900


def test_summarize_refuses_unknown_and_unprocessed_items(api: ApiServer) -> None:
    assert_problem(api.client.post("/v1/summaries", json={"item_id": "x"}), 404, "not-found")
    waiting = api.upload_item(media.video(1.0, seed=97), "waiting.mp4")["id"]
    assert_problem(api.client.post("/v1/summaries", json={"item_id": waiting}), 409, "conflict")
