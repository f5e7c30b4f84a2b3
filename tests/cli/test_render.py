"""Search results as `mm search` prints them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone

import pytest

from mm.cli.answers import MAX_UNLIKELY, print_answer
from mm.cli.format import format_span, format_taken
from mm.cli.render import print_item, print_items, print_results
from mm.schemas import Answer, Band, Capture, Citation, EvidenceKind, Hit, Item, SearchResponse, SearchState

ITEM = Item(
    id="i" * 32,
    name="walk.mp4",
    kind="video",
    content_type="video/mp4",
    size=1,
    duration=100.0,
    width=1,
    height=1,
    tags=[],
    status="ready",
    created_at=datetime(2026, 1, 1, tzinfo=UTC),
)


def response(*scores: float) -> SearchResponse:
    return SearchResponse(hits=[hit(score) for score in scores], space="lite@1", floor=0.02, likely_floor=0.166, seconds=0.0)


def hit(score: float) -> Hit:
    band: Band = "likely" if score >= 0.166 else "possible" if score >= 0.1 else "weak"
    return Hit(
        item=ITEM,
        start=0,
        end=1,
        best_start=0,
        best_end=1,
        score=score,
        band=band,
        evidence=[],
        thumbnail="",
        media="",
    )


def printed(capsys: pytest.CaptureFixture[str], *scores: float, everything: bool) -> tuple[list[tuple[str, str]], str]:
    """Score and band of each row, and standard error."""
    print_results(response(*scores), everything=everything)
    out, err = capsys.readouterr()
    rows = [line.split("\t") for line in out.splitlines()]
    return [(row[0], row[-1]) for row in rows], err


def test_print_results_counts_the_less_likely_hits(capsys: pytest.CaptureFixture[str]) -> None:
    rows, status = printed(capsys, 0.5, 0.1, 0.05, everything=False)
    assert [band for _, band in rows] == ["likely"]
    assert status == "less likely (2): --all lists them\n"


def test_print_results_with_everything_lists_likely_hits_first(capsys: pytest.CaptureFixture[str]) -> None:
    rows, status = printed(capsys, 0.5, 0.1, 0.05, everything=True)
    assert [band for _, band in rows] == ["likely", "possible", "weak"]
    assert [score for score, _ in rows] == ["0.50", "0.10", "0.050"]
    assert status == ""


@pytest.mark.parametrize("everything", [True, False])
def test_print_results_without_a_likely_hit_lists_the_others(everything: bool, capsys: pytest.CaptureFixture[str]) -> None:
    rows, status = printed(capsys, 0.1, 0.05, everything=everything)
    assert [band for _, band in rows] == ["possible", "weak"]
    assert status == "No hit is likely; these are less likely:\n"


def test_print_results_without_hits_reports_that_nothing_matches(capsys: pytest.CaptureFixture[str]) -> None:
    assert printed(capsys, everything=False) == ([], "Nothing matches.\n")


@pytest.mark.parametrize(
    ("start", "end", "duration", "text"),
    [
        (150.0, 165.9, 170.0, "2:30-2:45"),
        (150.0, 165.9, 10_800.0, "0:02:30-0:02:45"),
        (9_000.0, 9_900.0, 10_800.0, "2:30:00-2:45:00"),
        (0.0, 0.0, 0.0, ""),
    ],
)
def test_format_span_of_long_media_has_hours(start: float, end: float, duration: float, text: str) -> None:
    assert format_span(start, end, duration) == text


def test_print_answer_of_a_refusal_lists_the_less_likely_hits(capsys: pytest.CaptureFixture[str]) -> None:
    print_answer(make_answer(refused=True, hits=[hit(0.1)] * (MAX_UNLIKELY + 1)))

    output = capsys.readouterr()
    assert output.out.count("  less likely: walk.mp4 0:00-0:01\n") == MAX_UNLIKELY
    assert "answered by" not in output.err


@pytest.mark.parametrize("text", ["The library does not show that.", "The last list has 2 moments."])
def test_print_answer_of_a_refusal_prints_its_reason_once(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    reason = "The last list has 2 moments."

    print_answer(make_answer(refused=True).model_copy(update={"text": text, "reason": reason}))

    output = capsys.readouterr()
    assert output.out == f"{text}\n"
    assert output.err == ("" if text == reason else f"{reason}\n")


@pytest.mark.parametrize(("evidence", "is_stated"), [("caption", True), ("speech", False)])
def test_print_answer_states_that_captions_are_written_by_a_model(
    evidence: EvidenceKind, is_stated: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    citation = Citation(
        n=1, item_id="i" * 32, segment_id="s", name="walk.mp4", media="/m", start=0.0, end=1.0, kind="video", evidence=evidence
    )

    print_answer(make_answer(refused=False, citations=[citation]))

    assert ("captions are written by a model" in capsys.readouterr().err) == is_stated


def make_answer(*, refused: bool, hits: Sequence[Hit] = (), citations: Sequence[Citation] = ()) -> Answer:
    return Answer(
        text="",
        sentences=[],
        citations=list(citations),
        refused=refused,
        model="extractive",
        state=SearchState(),
        hits=list(hits),
    )


def test_print_items_has_time_taken_camera_and_place(capsys: pytest.CaptureFixture[str]) -> None:
    capture = Capture(
        taken_at=datetime(2024, 5, 1, 12, 30, tzinfo=timezone(timedelta(hours=-3, minutes=-30))),
        make="Canon",
        model="Canon EOS\x1b[31m",
        latitude=48.8583333,
        longitude=-2.2945,
    )
    print_items([ITEM, ITEM.model_copy(update={"capture": capture})])
    without, captured = (line.split("\t") for line in capsys.readouterr().out.splitlines())
    assert (without[0], without[4], without[5]) == ("", "", "")
    assert (captured[0], captured[5]) == ("2024-05-01 12:30:00 -03:30", "48.85833, -2.29450")
    assert captured[4].startswith("Canon EOS")
    print_items([ITEM.model_copy(update={"capture": capture.model_copy(update={"place": "Paris,\x1b France"})})])
    assert capsys.readouterr().out.split("\t")[5].replace("\ufffd", "").startswith("Paris,")
    assert "\x1b" not in captured[4]


def test_format_taken_without_offset_states_none() -> None:
    assert format_taken(Capture(taken_at=datetime(2024, 5, 1, 12, 30))) == "2024-05-01 12:30:00"
    assert format_taken(Capture(taken_at=datetime(2024, 5, 1, 12, 30, tzinfo=UTC))) == "2024-05-01 12:30:00 +00:00"
    assert format_taken(Capture()) == format_taken(None) == ""


def test_print_item_leaves_out_what_is_unknown(capsys: pytest.CaptureFixture[str]) -> None:
    print_item(ITEM.model_copy(update={"capture": Capture(make="Apple", model="iPhone", lens="wide", altitude=-3.0)}))
    rows = dict(line.split("\t") for line in capsys.readouterr().out.splitlines())
    assert {
        name: rows.get(name) for name in ("name", "camera", "lens", "altitude", "place", "coordinates", "taken", "caption")
    } == {
        "name": "walk.mp4",
        "camera": "Apple iPhone",
        "lens": "wide",
        "altitude": "-3 m",
        "place": None,
        "coordinates": None,
        "taken": None,
        "caption": None,
    }


def test_print_results_says_what_was_read_from_the_text(capsys: pytest.CaptureFixture[str]) -> None:
    parsed = response(0.5).model_copy(update={"text": "dog", "without": ["water"]})
    print_results(parsed, is_parsed=True)
    assert capsys.readouterr().err == 'searched for "dog" without "water"; --no-parse searches for the whole text\n'
    print_results(parsed)
    assert capsys.readouterr().err == ""
