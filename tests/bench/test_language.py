"""`mm bench language` on two layers and a small vocabulary."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from mm.bench.language.models import FORMATS
from mm.cli.main import main

SMALL = [
    "bench",
    "language",
    "--experts",
    "16",
    "--expert-layers",
    "1",
    "--layers",
    "2",
    "--vocabulary",
    "64",
    "--batch",
    "2",
    "--steps",
    "2",
]


def test_bench_language_reports_every_format_with_experts() -> None:
    result = CliRunner().invoke(main, [*SMALL, "--json"], catch_exceptions=False)
    rows = json.loads(result.stdout)["rows"]
    assert [row["weights"] for row in rows] == list(FORMATS)
    assert [row["first_mapped_seconds"] is not None for row in rows] == [False, False, True, True, True]
    assert all(row["first_seconds"] > row["load_seconds"] > 0 and row["tokens_per_second"][0] > 0 for row in rows)
    sizes = {row["weights"]: row["file_mb"] for row in rows}
    assert sizes["fp32"] > 1.7 * sizes["fp16"] > 2 * sizes["int8"] > 2 * sizes["int4"] > 0


def test_bench_language_of_a_format_prints_a_table() -> None:
    result = CliRunner().invoke(main, [*SMALL, "--weights", "int4"], catch_exceptions=False)
    header, _, row = result.stdout.splitlines()
    assert header.count("|") == row.count("|")
    assert row.startswith("| int4 |")


@pytest.mark.parametrize("name", ["int5", ""])
def test_bench_language_of_an_unknown_format_is_refused(name: str) -> None:
    result = CliRunner().invoke(main, [*SMALL, "--weights", name])
    assert result.exit_code == 1
    assert "Formats are: fp32; fp16; int8; int4" in result.output
