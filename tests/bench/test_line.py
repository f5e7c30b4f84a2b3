"""The conveyor of `mm bench line`, and its report."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mm.bench.line.belt import Belt
from mm.bench.line.latency import LineReport, MethodReport
from mm.line.config import LineConfig
from mm.line.line import Line
from mm.line.records.ledger import Ledger
from mm.line.sources.video_file import VideoFile
from mm.line.types import PartRecord
from mm.media import MediaReader
from tests.line.conveyor import SpotInspector


def test_belt_video_has_each_part_once(tmp_path: Path) -> None:
    belt, records, inspector = Belt(320, 180, 3, 5, 0), list[PartRecord](), SpotInspector()
    belt.write(tmp_path / "belt.mp4")
    with MediaReader() as reader, Ledger(tmp_path / "line", []) as ledger:
        config = LineConfig("bench", crop="part", deadline_seconds=None)
        source = VideoFile(tmp_path / "belt.mp4", reader)
        Line(config, source, inspector, ledger, tmp_path / "line", on_verdict=records.append).run()
    assert len(records) == 3
    assert min(record.num_frames for record in records) > 60
    width, _ = belt.part_size
    assert np.median([shape[1] for shape in inspector.shapes]) == pytest.approx(1.2 * width, rel=0.1)


def test_belt_scratch_changes_few_pixels_of_the_part() -> None:
    belt = Belt(640, 360, 1, 1, 0)
    good, bad = (belt.render_part(0, has_defect=has_defect) for has_defect in (False, True))
    changed = np.abs(good.astype(int) - bad).max(2) > 30
    assert 0.0005 < changed.mean() < 0.05


def test_line_report_prints_a_row_for_each_method() -> None:
    row = MethodReport("every frame", 100.0, 200.4, 300.0, 0.5, 20, 1, 0, 1.5)
    *_, last = LineReport(1280, 720, 20, 33.0, [row]).lines()
    assert last == "| every frame | 100 | 200 | 300 | 50% | 20 | 1 | 0 | 1.50 |"
