"""The report of a run: complete, without a network, and without markup from its data."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from mm.data.sets.published import Published
from mm.errors import InvalidInput
from mm.evaluation.report.examples import Shown, rank_items, spread_groups
from mm.evaluation.report.page import Report, build_report
from mm.evaluation.report.plots import MAX_NAME, draw_curves
from mm.evaluation.report.values import keep_whole
from mm.evaluation.runs.compare import compare_runs
from mm.evaluation.runs.statistics import measure
from mm.evaluation.runs.types import Breakdown, BreakdownRow, Curve, FailedItem, ItemRecord, Run
from tests.evaluation.runs.test_runs import make_run

BLACK = np.zeros((4, 4, 3), np.uint8)
SHOWN = {".jpg": Shown([BLACK]), ".mp4": Shown([BLACK] * 4, note="at 2.0 s"), ".wav": Shown(sound=b"RIFF")}


def open_shown(path: Path, _start: float, _end: float | None) -> Shown:
    if path.name == "gone.jpg":
        raise InvalidInput("gone.jpg is no longer in the folder.")
    return SHOWN[path.suffix]


@pytest.fixture
def run() -> Run:
    """A run with a file of each kind, a missing one, a failed one, and markup in all texts."""
    made = make_run("second", [1, 2, 9, 40])
    files = ("a.jpg", "b.mp4", "c.wav", "gone.jpg")
    items = [
        item.model_copy(update={"path": file, "group": file, "question": "<b>dog</b>", "start": 2.0, "end": 3.0})
        for item, file in zip(made.outcome.items, files, strict=True)
    ]
    rows = [BreakdownRow(stratum="de", num_items=4, measure=measure("R@1", "recall@1", "rank", items))]
    curve = Curve(name="recall", x_label="k", y_label="R@k", x=[1, 5, 100], y=[0.2, 0.5, 1.0])
    outcome = made.outcome.model_copy(
        update={
            "items": items, "curves": [curve], "breakdowns": [Breakdown(by="language", rows=rows)],
            "failed": [FailedItem(id="broken.jpg", reason="It ends early.")], "notes": ["<script>alert(1)</script>"],
        }
    )  # fmt: skip
    return made.model_copy(update={"outcome": outcome, "missing": ["absent.jpg"]})


def test_build_report_has_every_part_of_the_run(run: Run) -> None:
    published = [Published("retrieval", "A model", "R@1", 76.5, "test", "a paper", True, "The same protocol.")]
    earlier = make_run("first", [2, 2, 2, 2])
    comparison = compare_runs(earlier, run)
    page = build_report(Report(run, [earlier], published, comparison), open_shown, num_examples=2)
    for text in (
        "photos, dev: retrieval", "25.0 %", "Compared item by item", "By language", "Runs over time", "76.5 %",
        "a paper", "no (1)", "(1) The number is of the split &#x27;test&#x27;, this run of &#x27;dev&#x27;. The same protocol.",
        "Worst items", "Best items", "no longer in the folder", "broken.jpg", "absent.jpg", run.signature.line(),
        "<div class='frames'><img", "at 2.0 s", '<svg class="wave"', '<audio controls src="data:audio/wav;base64,UklGRg=="',
    ):  # fmt: skip
        assert text in page


@pytest.mark.parametrize(
    ("changes", "is_comparable", "answer"),
    [
        ({}, True, ("yes", "The same protocol.")),
        ({}, False, ("no", "The same protocol.")),
        ({"num_missing": 3}, True, ("no", "3 files are not in this run. The same protocol.")),
        ({"is_simulated": True}, True, ("no", "The files of this run are simulated. The same protocol.")),
    ],
)
def test_build_report_compares_published_numbers_only_with_the_whole_split(
    run: Run, changes: dict[str, object], is_comparable: bool, answer: tuple[str, str]
) -> None:
    changed = run.model_copy(update={"signature": run.signature.model_copy(update=changes)})
    published = [Published("retrieval", "A model", "R@1", 76.5, "dev", "a paper", is_comparable, "The same protocol.")]
    page = build_report(Report(changed, published=published), open_shown)
    assert f"<td>{answer[0]} (1)</td>" in page
    assert f"<p>(1) {answer[1]}</p>" in page
    assert "<td>this run</td><td>25.0 %</td>" in page


def test_build_report_escapes_texts_and_names_no_address(run: Run) -> None:
    page = build_report(Report(run), open_shown)
    assert "<script" not in page
    assert "<b>dog</b>" not in page
    assert not re.search(r"(src|href)=[\"']?(https?:|//)", page)
    HTMLParser().feed(page)


def test_build_report_of_simulated_files_says_so_above_the_numbers(run: Run) -> None:
    simulated = run.model_copy(update={"signature": run.signature.model_copy(update={"is_simulated": True})})
    assert "these are no numbers of photos" in build_report(Report(simulated), open_shown)
    assert "these are no numbers of photos" not in build_report(Report(run), open_shown)


def test_build_report_without_examples_opens_no_file(run: Run) -> None:
    def refuse(path: Path, *_: object) -> Shown:
        raise AssertionError(path)

    assert "Worst items" not in build_report(Report(run), refuse, num_examples=0)


def test_rank_items_puts_the_largest_rank_or_the_lowest_score_first(run: Run) -> None:
    ranked = rank_items(run)
    assert ranked is not None
    assert [item.values["rank"] for item in ranked.items] == [40, 9, 2, 1]
    scored = [ItemRecord(id=str(n), group=str(n), values={"score": score}) for n, score in enumerate((0.5, 0.1, 0.9))]
    outcome = run.outcome.model_copy(update={"items": scored, "measures": [measure("score", "mean", "score", scored)]})
    by_score = rank_items(run.model_copy(update={"outcome": outcome}))
    assert by_score is not None
    assert [item.values["score"] for item in by_score.items] == [0.1, 0.5, 0.9]


def test_spread_groups_takes_one_item_of_each_group() -> None:
    items = [ItemRecord(id=str(n), group=str(n // 3)) for n in range(9)]
    assert [item.id for item in spread_groups(items, 2)] == ["0", "3"]


@pytest.mark.parametrize("y", [[0.5], [3.0, 3.0], [-1.0, 2.0]])
def test_draw_curves_of_few_or_equal_points_has_finite_places(y: list[float]) -> None:
    curve = Curve(name="x", x_label="run", y_label="y", x=[float(n) for n in range(len(y))], y=y)
    drawn = draw_curves([curve])
    assert "nan" not in drawn
    assert "inf" not in drawn.replace("infinite", "")


def test_draw_curves_shortens_names_that_are_wider_than_the_margin() -> None:
    drawn = draw_curves([Curve(name="x" * (MAX_NAME + 1), x_label="k", y_label="y", x=[1.0, 2.0], y=[0.1, 0.2])])
    assert f">{'x' * (MAX_NAME - 1)}…</text>" in drawn


def test_keep_whole_lets_long_texts_break_after_commas() -> None:
    assert keep_whole("3.5 <") == "<span class='whole'>3.5 &lt;</span>"
    assert keep_whole("inspector,backbone=imagenet,seed=0") == "inspector,<wbr>backbone=imagenet,<wbr>seed=0"


def test_draw_curves_without_points_is_empty() -> None:
    assert draw_curves([Curve(name="x", x_label="k", y_label="y", x=[], y=[])]) == ""
