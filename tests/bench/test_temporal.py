"""`mm bench temporal` on a short video."""

from __future__ import annotations

import json

from click.testing import CliRunner

from mm.cli.main import main


def test_bench_temporal_reports_time_and_memory() -> None:
    result = CliRunner().invoke(main, ["bench", "temporal", "--minutes", "1", "--json"], catch_exceptions=False)
    report = json.loads(result.stdout)
    assert report["frames"] == 120
    assert report["seconds"] > 0
    assert 30 < report["peak_mb"] < 2000
    table = CliRunner().invoke(main, ["bench", "temporal", "--minutes", "0.5"], catch_exceptions=False)
    assert "| 0 min at 2 a second | 60 |" in table.output
