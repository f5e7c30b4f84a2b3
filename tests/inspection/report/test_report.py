"""The report: what it says, that it loads nothing, and that no text becomes markup."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import numpy as np
import pytest

from mm.errors import NotFound
from mm.inspection.exports.drawing import draw_overlay, draw_pair, shrink
from mm.inspection.records import create_record, describe
from mm.inspection.report.outcomes import Share, count_outcomes
from mm.inspection.report.page import MAX_ROWS, Report, build_report
from mm.inspection.scoring.regions import find_regions
from mm.inspection.types import Inspection, Threshold, Verdict
from mm.media.types import RGB
from mm.metrology import Scale
from mm.numerics import Float32
from mm.schemas import InspectionRecord
from tests.inspection.parts import add_scratch, render_part

THRESHOLD = Threshold(1.0, 0.05, 20, 20, 1 / 21, (0.0, 0.17))
HOSTILE = "<script>alert('&')</script>.png"


def find_image(record: InspectionRecord) -> RGB:
    return add_scratch(render_part(1), 48, 36)


def find_heat(record: InspectionRecord) -> Float32:
    heat = np.zeros((96, 96), np.float32)
    heat[40:66, 34:66] = 2.0 if record.verdict != "pass" else 0.5
    return heat


def make_record(name: str, verdict: Verdict, p_value: float, *, start: float | None = None) -> InspectionRecord:
    probe = InspectionRecord.model_construct(verdict=verdict)
    heat = find_heat(probe)
    inspection = Inspection(2 - p_value, p_value, verdict, heat, find_regions(heat, 1.0), "plate", 2)
    scale = Scale(0.05, 1e-4, None, "length")
    return create_record(inspection, THRESHOLD, find_image(probe), name, scale=scale, start=start)


def make_report(records: list[InspectionRecord], **fields: object) -> Report:
    when = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
    return Report("Run 7", when, "plate", 2, describe(THRESHOLD), records, **fields)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def records() -> list[InspectionRecord]:
    return [
        make_record("fine.png", "pass", 0.6),
        make_record(HOSTILE, "fail", 0.048),
        make_record("v.mp4", "undecided", 0.1, start=2.5),
    ]


def test_report_names_version_threshold_and_images_by_p_value(records: list[InspectionRecord]) -> None:
    html = build_report(make_report(records, settings={"share": 0.03}, scale="camera"), find_image, find_heat)
    assert "Inspector plate, version 2. Inspected 2026-05-04 12:00 UTC." in html
    assert "At most 5.0% of good parts of further groups" in html
    table = html[html.index("All images by p-value") :]
    assert table.index("script") < table.index("v.mp4 at 2.50 s") < table.index("fine.png")
    assert re.search(r"length 1\.\d+ ± 0\.\d+ mm \(k = 2\)", html)
    assert "<td>camera</td>" in html
    assert "not measured yet" in html


def test_report_loads_nothing_and_escapes_every_name(records: list[InspectionRecord]) -> None:
    html = build_report(make_report(records, failures=[(HOSTILE, "<b>")], settings={"<i>": "<u>"}), find_image, find_heat)
    assert "<script" not in html
    assert "&lt;script&gt;" in html
    assert not re.findall(r"https?://|@import|url\(", html)
    assert all(source.startswith("data:image/") for source in re.findall(r'(?:src|href)="([^"]*)"', html))


def test_report_size_is_bounded_for_large_images_and_many_records(records: list[InspectionRecord]) -> None:
    many = [record.model_copy(update={"image": f"{number}.png"}) for number in range(MAX_ROWS) for record in records[:2]]

    def large(record: InspectionRecord) -> RGB:
        return np.random.default_rng(0).integers(0, 255, (1500, 2000, 3), np.uint8)

    html = build_report(make_report(many), large, lambda record: np.ones((1500, 2000), np.float32), num_examples=2)
    assert f"The first {MAX_ROWS} of {2 * MAX_ROWS} images" in html
    assert html.count("<figure>") == 2
    assert len(html) < 4_000_000


def test_report_with_a_missing_image_says_so(records: list[InspectionRecord]) -> None:
    def fail(record: InspectionRecord) -> RGB:
        raise NotFound("The image is missing.")

    html = build_report(make_report(records), fail, find_heat)
    assert "<p class='missing'>The image is missing.</p>" in html


def test_report_of_marked_parts_has_measured_false_alarms_and_catches(records: list[InspectionRecord]) -> None:
    marks = {"fine.png": "accept", HOSTILE: "accept", "v.mp4@2.5": "reject"}
    html = build_report(make_report(records, marks=marks), find_image, find_heat)
    assert "1 of 2, 50.0% (1.3% to 98.7%)" in html
    assert "1 of 1, 100.0% (2.5% to 100.0%)" in html


def test_report_with_a_pod_study_has_its_table_and_chart(records: list[InspectionRecord]) -> None:
    rows = [{"kind": "scratch", "a90": 0.107, "a90_95": None}]
    html = build_report(make_report(records, pod_rows=rows, pod_chart=b"<svg/>"), find_image, find_heat)
    assert "<td>scratch</td><td>0.107</td><td>none</td>" in html
    assert 'src="data:image/svg+xml;base64,' in html


def test_report_without_records_is_a_document() -> None:
    html = build_report(make_report([]), find_image, find_heat)
    assert html.startswith("<!doctype html>")
    assert "<figure>" not in html


def test_outcomes_without_marks_are_none(records: list[InspectionRecord]) -> None:
    assert count_outcomes(records, {"other.png": "accept"}) is None
    assert str(Share(0, 0)) == "none marked"


def test_overlay_colours_only_what_is_above_the_threshold(records: list[InspectionRecord]) -> None:
    image = find_image(records[0])
    assert np.array_equal(draw_overlay(image, find_heat(records[0]), records[0]), image)
    drawn = draw_overlay(image, find_heat(records[1]), records[1])
    changed = (drawn != image).any(-1)
    assert changed[42:64, 36:64].mean() > 0.95
    assert not changed[:38].any()


@pytest.mark.parametrize(("size", "pair"), [((96, 96), (96, 192)), ((40, 400), (80, 400))])
def test_pair_of_image_and_overlay_is_beside_or_below(size: tuple[int, int], pair: tuple[int, int]) -> None:
    record = make_record("a.png", "pass", 0.5)
    drawn = draw_pair(record, lambda record: np.zeros((*size, 3), np.uint8), lambda record: np.zeros(size, np.float32))
    assert drawn.shape[:2] == pair
    assert max(shrink(drawn, 50).shape) == 50
