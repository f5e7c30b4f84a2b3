"""The tools on a library whose moments are known."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from api.limits.resources import Limits
from api.tools.library_tools import call_tool
from mm.agent.results import Count, ItemDescription, Moments
from mm.agent.tools import TOOLS
from mm.errors import InvalidInput, NotFound
from mm.spaces.encode.evidence import EncodedEvidence, EncodedSegment
from tests.api import media
from tests.api.conftest import ApiServer, add_searchable
from tests.captures import movie

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mm.schemas import Model

    Call = Callable[..., Model]

TAG = "harbour"
SENTENCES = ("the ferry leaves at noon", "we bought bread and cheese", "the ferry comes back at night")


@pytest.fixture(scope="module")
def diary(api: ApiServer) -> str:
    """A video of three scenes of one second; the ferry is mentioned in the first and the last."""
    text = api.service.space.text
    segments = [
        EncodedSegment(float(i), i + 1.0, i, [EncodedEvidence("speech", i + 0.1, i + 0.9, sentence, text.embed([sentence])[0])])
        for i, sentence in enumerate(SENTENCES)
    ]
    return add_searchable(api, media.video(3.0, seed=77), "diary of the harbour.mp4", TAG, segments)


@pytest.fixture
def call(api: ApiServer) -> Iterator[Call]:
    limits = Limits(api.service.settings)

    def run(name: str, **arguments: object) -> Model:
        return asyncio.run(call_tool(api.service, limits, "test", name, arguments))

    yield run
    limits.close()


def test_search_tool_returns_moment_with_words(call: Call, diary: str) -> None:
    result = call("search", query="the ferry leaves at noon", item=diary, limit=1)
    assert isinstance(result, Moments)
    (moment,) = result.moments
    assert (moment.item, moment.start, moment.end, moment.band) == (diary, 0.0, 1.0, "likely")
    assert next(piece.text for piece in moment.evidence if piece.kind == "speech") == SENTENCES[0]


def test_search_tool_without_match_returns_no_moment(call: Call, diary: str) -> None:
    result = call("search", query="quarterly revenue of the subsidiary", item=diary)
    assert isinstance(result, Moments)
    assert result.moments == []


def test_when_tool_lists_times_in_order(call: Call, diary: str) -> None:
    result = call("when", query="the ferry", item=diary)
    assert isinstance(result, Moments)
    assert [moment.start for moment in result.moments] == [0.0, 2.0]


def test_when_tool_over_limit_notes_number_of_matches(call: Call, diary: str) -> None:
    result = call("when", query="the ferry", item=diary, limit=1)
    assert isinstance(result, Moments)
    assert len(result.moments) == 1
    assert any("2 moments" in note for note in result.notes)


def test_count_tool_counts_moments_of_query(call: Call, diary: str) -> None:
    result = call("count", query="the ferry", tags=[TAG])
    assert isinstance(result, Count)
    assert (result.items, result.moments, result.by_kind, result.is_complete) == (1, 2, {"video": 1}, True)
    assert [(entry.item, entry.moments) for entry in result.by_item] == [(diary, 2)]


def test_count_tool_without_query_counts_items(call: Call, diary: str) -> None:
    result = call("count", tags=[TAG])
    assert isinstance(result, Count)
    assert (result.items, result.moments, result.by_kind) == (1, None, {"video": 1})
    assert call("count", tags=[TAG], kinds=["image"]) == Count(items=0, by_kind={})
    assert call("count", item=diary) == Count(items=1, by_kind={"video": 1})


def test_count_tool_filters_by_day_of_upload(call: Call, diary: str) -> None:
    assert call("count", tags=[TAG], uploaded_after="2020-02-29").model_dump()["items"] == 1
    assert call("count", tags=[TAG], uploaded_before="2020-02-29").model_dump()["items"] == 0


def test_tools_filter_by_time_taken_camera_and_place(api: ApiServer, call: Call) -> None:
    text = api.service.space.text
    said = "a whale near the pier"
    evidence = [EncodedEvidence("speech", 0.1, 0.9, said, text.embed([said])[0])]
    segment = EncodedSegment(0.0, 1.0, 0, evidence)
    tags = {
        "com.apple.quicktime.creationdate": "2024-05-01T23:30:00-0800",
        "com.apple.quicktime.make": "Apple",
        "com.apple.quicktime.location.ISO6709": "+48.8583+002.2945/",
    }
    whale = add_searchable(api, movie(tags, seed=9), "whale.mov", "pier", [segment])

    def found(**filters: object) -> set[str]:
        moments = call("search", query=said, tags=["pier"], **filters).model_dump()["moments"]
        times = call("when", query=said, tags=["pier"], **filters).model_dump()["moments"]
        assert {moment["item"] for moment in times} <= {moment["item"] for moment in moments}
        assert call("count", query=said, tags=["pier"], **filters).model_dump()["items"] <= len(moments)
        return {moment["item"] for moment in moments}

    def count(**filters: object) -> int:
        return int(call("count", tags=["pier"], **filters).model_dump()["items"])

    all_of_it = {"taken_after": "2024-05-01", "taken_before": "2024-05-02", "camera": "apple", "place_known": "yes"}
    assert found(**all_of_it) == {whale}
    assert count(**all_of_it) == 1
    for filters in (
        {"taken_after": "2024-05-02"},
        {"taken_before": "2024-05-01"},
        {"camera": "nikon"},
        {"place_known": "no"},
        {"place": "Rome"},
    ):
        assert found(**filters) == set()
        assert count(**filters) == 0


def test_tools_with_hidden_metadata_refuse_its_filters(api: ApiServer) -> None:
    service = replace(api.service, settings=api.service.settings.model_copy(update={"metadata": "hide"}))
    limits = Limits(service.settings)
    try:
        for name, arguments in (("count", {"camera": "x"}), ("search", {"query": "x", "place": "Rome"})):
            with pytest.raises(InvalidInput, match="MM_METADATA"):
                asyncio.run(call_tool(service, limits, "test", name, arguments))
    finally:
        limits.close()


@pytest.mark.parametrize("day", ["2026-13-01", "2026-02-30", "29.2.2020", "2020-02-29T10:00:00Z"])
def test_count_tool_with_invalid_day_raises_invalid_input(call: Call, day: str) -> None:
    with pytest.raises(InvalidInput, match="uploaded_after"):
        call("count", uploaded_after=day)


def test_describe_tool_pages_through_scenes(call: Call, diary: str) -> None:
    start, said = 0.0, []
    for _ in SENTENCES:
        page = call("describe", item=diary, start=start, limit=1)
        assert isinstance(page, ItemDescription)
        assert (page.name, page.kind, page.status) == ("diary of the harbour.mp4", "video", "ready")
        said += [scene.said for scene in page.scenes]
        start = page.next or 0.0
    assert page.next is None
    assert tuple(said) == SENTENCES


def test_describe_tool_describes_image(call: Call, library: dict[str, str]) -> None:
    result = call("describe", item=library["picture"])
    assert isinstance(result, ItemDescription)
    assert [(scene.start, scene.end) for scene in result.scenes] == [(0.0, 0.0)]


def test_describe_tool_finds_item_by_name(call: Call, diary: str) -> None:
    for name in ("diary of the harbour.mp4", "DIARY OF THE HARBOUR.MP4", "of the harbour"):
        result = call("describe", item=name)
        assert isinstance(result, ItemDescription)
        assert result.item == diary


def test_describe_tool_with_ambiguous_name_lists_candidates(call: Call, api: ApiServer) -> None:
    name = f"{secrets.token_hex(4)}.png"
    ids = {api.upload_item(media.image(seed), name)["id"] for seed in (9901, 9902)}
    with pytest.raises(InvalidInput, match="2 items") as raised:
        call("describe", item=name)
    assert all(item_id in str(raised.value) for item_id in ids)


def test_call_tool_with_unknown_name_lists_tools(call: Call) -> None:
    with pytest.raises(NotFound, match=", ".join(tool.name for tool in TOOLS)):
        call("inspect")
