"""The observed rate of a version from marks."""

from __future__ import annotations

from pathlib import Path

from mm.inspection.marks.observed import observe, read_marks
from mm.inspection.marks.types import Mark
from mm.inspection.records import describe
from mm.inspection.thresholds.binomial import clopper_pearson
from mm.inspection.types import Threshold

THRESHOLD = Threshold(1.0, 0.05, 30, 30, 1 / 31, (0, 0.2))


def test_observe_counts_marks_of_the_version_only() -> None:
    marks = [
        Mark("a", "accept", inspected="fail", version=2),
        Mark("b", "accept", inspected="pass", version=2),
        Mark("c", "accept", inspected="fail", version=1),
        Mark("d", "accept", inspected="fail"),
        Mark("e", "reject", inspected="pass", version=2),
        Mark("f", "reject", inspected="undecided", version=2),
    ]
    observed = observe(THRESHOLD, marks, 2)
    assert (observed.rate_observed, observed.interval, observed.catches) == (0.5, clopper_pearson(1, 2), (1, 2))
    record = describe(observed)
    assert (record.rate_observed, record.num_caught, record.num_defective) == (0.5, 1, 2)
    assert (
        "confirmed as good, 50.0% had failed. Of 2 parts that were later confirmed as defective, 1 had not passed"
        in record.statement
    )
    assert observe(THRESHOLD, marks, 3) == THRESHOLD


def test_mark_of_another_version_is_the_same_mark_and_keeps_its_version() -> None:
    first, second = (Mark("a", "accept", inspected="fail", version=version) for version in (1, 2))
    assert first.mark_id == second.mark_id == Mark("a", "accept").mark_id
    assert Mark.from_json(second.to_json()) == second


def test_read_marks_without_the_inspector_is_empty(tmp_path: Path) -> None:
    assert read_marks(tmp_path, "none") == []
