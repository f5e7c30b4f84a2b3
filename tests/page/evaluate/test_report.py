"""The report of a run as printed: nothing is cut off at the side or broken across pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mm.data.sets.catalog import describe_set
from mm.data.sets.published import read_published
from mm.evaluation.report.page import Report, build_report
from mm.evaluation.runs.compare import compare_runs
from mm.evaluation.runs.types import Breakdown, BreakdownRow, Curve, FailedItem
from tests.evaluation.report.test_page import open_shown
from tests.evaluation.runs.test_runs import make_run

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("page")]

A4_INSIDE_MARGINS = 688
"""Width in CSS pixels: 182 mm."""
BREAKABLE = """() => [...document.querySelectorAll('figure, svg.plot, tr')]
    .filter((element) => getComputedStyle(element).breakInside !== 'avoid').length"""


def test_report_of_a_run_fits_a_printed_page(browser: Browser, tmp_path: Path) -> None:
    run = make_run("second", [1 + number % 9 for number in range(60)])
    items = [
        item.model_copy(update={"path": f"{item.id}.jpg", "answer_path": "x.mp4", "question": "x" * 90, "expected": "dogs " * 20})
        for item in run.outcome.items
    ]
    rows = [BreakdownRow(stratum=f"class {number}", num_items=1, measure=run.outcome.measures[0]) for number in range(60)]
    outcome = run.outcome.model_copy(
        update={
            "items": items, "breakdowns": [Breakdown(by="class", rows=rows)], "notes": ["A note. " * 30],
            "curves": [Curve(name="text to image", x_label="k", y_label="R@k", x=[1, 5, 100], y=[0.2, 0.5, 1.0])],
            "failed": [FailedItem(id="y" * 120 + ".jpg", reason="It ends early.")],
        }
    )  # fmt: skip
    run = run.model_copy(update={"outcome": outcome, "command": "mm eval flickr30k " + "z" * 150})
    earlier = make_run("first", [2] * 60)
    published = read_published(describe_set("flickr30k"), "retrieval")
    html = build_report(Report(run, [earlier], published, compare_runs(earlier, run)), open_shown)
    (tmp_path / "report.html").write_text(html)
    page = browser.new_page(viewport={"width": A4_INSIDE_MARGINS, "height": 900})
    page.emulate_media(media="print")
    page.goto((tmp_path / "report.html").as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= A4_INSIDE_MARGINS
    assert page.evaluate(BREAKABLE) == 0
    assert page.evaluate("[...document.querySelectorAll('thead')].every((head) => head.offsetHeight < 200)")
    assert page.pdf(format="A4").startswith(b"%PDF")
    page.close()
