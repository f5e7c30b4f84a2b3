"""`mm bench eval` on a few small files, and the line through its timings."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from mm.bench.evaluation.encoding import EncodingRates, measure_encoding
from mm.bench.evaluation.hours import SizeTiming, fit_line, measure_hours, replace_home
from mm.bench.evaluation.report import EvaluationReport
from mm.bench.evaluation.resume import measure_resume
from mm.bench.ingest import photos
from mm.cli.main import main
from mm.errors import InvalidInput
from mm.media import MediaReader
from mm.settings import Settings
from mm.spaces import load_space
from tests.graphs import with_graphs


def test_measure_encoding_alternates_both_methods_on_the_same_files(
    tmp_path: Path, graphs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("WIDTH", 600), ("HEIGHT", 450), ("NUM_MOTIFS", 2)):
        monkeypatch.setattr(photos, name, value)
    settings = Settings(home=with_graphs(tmp_path, graphs))
    with MediaReader.from_settings(settings) as reader:
        rates = measure_encoding(2, 0, 2, load_space("lite", settings), reader, settings)
    assert [(each.num_files, len(each.floor), len(each.evaluation)) for each in rates] == [(2, 2, 2), (8, 2, 2)]
    assert all(rate > 0 for each in rates for rate in (*each.floor, *each.evaluation))


def test_encoding_rates_compare_the_methods_round_by_round() -> None:
    rates = EncodingRates(
        "photos", 2, "files/s", floor=[10.0, 20.0, 10.0], evaluation=[9.6, 19.2, 5.0], floor_cpu=[1.0], evaluation_cpu=[2.0]
    )
    assert rates.line().endswith("| 96.0 % (50.0 to 96.0) | met | 1.0 | 2.0 |")


def test_fit_line_of_timings_on_a_line_extrapolates_it_and_says_so() -> None:
    timings = [SizeTiming(number, hours, 2.0 + 100.0 * hours, 150.0 * hours, 1) for number, hours in enumerate((0.1, 0.2, 0.4))]
    report = fit_line(timings, 224)
    assert report.seconds_per_hour == pytest.approx(100)
    assert report.cpu_seconds_per_hour == pytest.approx(150)
    assert report.fixed_seconds == pytest.approx(2)
    assert report.largest_deviation == pytest.approx(0, abs=1e-9)
    assert report.target_seconds == pytest.approx(100_002)
    assert report.lines()[-1].startswith("EXTRAPOLATED, not measured: 1000 hours")


def test_measure_hours_evaluates_each_size_with_an_empty_cache(tmp_path: Path, graphs: Path) -> None:
    settings = Settings(home=with_graphs(tmp_path, graphs))
    with MediaReader.from_settings(settings) as reader:
        space = load_space("lite", settings)
        report = measure_hours((2, 4, 6), 0.05, 64, space, (), reader, settings, repeats=1)
        assert [timing.num_videos for timing in report.timings] == [1, 2, 3]
        assert all(timing.hours > 0 and timing.seconds > 0 for timing in report.timings)
        with pytest.raises(InvalidInput, match="3 different sizes"):
            measure_hours((2, 4, 4), 0.05, 64, space, (), reader, settings)


def test_replace_home_has_another_root_with_the_same_graphs(tmp_path: Path, graphs: Path) -> None:
    settings = Settings(home=with_graphs(tmp_path / "first", graphs))
    assert settings.root == tmp_path / "first"  # read, and so cached
    fresh = replace_home(settings, tmp_path / "second")
    assert fresh.root == tmp_path / "second"
    assert (fresh.root / "cache" / "graphs").resolve() == graphs.resolve()
    assert not list((fresh.root / "cache").glob("features*"))


def test_measure_resume_counts_one_repeated_slice_a_kill(tmp_path: Path, graphs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("WIDTH", 600), ("HEIGHT", 450), ("NUM_MOTIFS", 2)):
        monkeypatch.setattr(photos, name, value)
    report = measure_resume(2, 1, Settings(home=with_graphs(tmp_path, graphs)), images_per_slice=4)
    assert (report.num_begun, report.num_repeated) == (3, 1)
    with pytest.raises(InvalidInput, match="2 slices or more"):
        measure_resume(1, 1, Settings(home=tmp_path))


def test_evaluation_report_leaves_out_parts_that_were_not_measured() -> None:
    assert EvaluationReport().lines() == []


def test_bench_eval_of_one_part_prints_only_that_part() -> None:
    result = CliRunner().invoke(main, ["bench", "eval", "--part", "similarity", "--json"], catch_exceptions=False)
    report = json.loads(result.stdout)
    assert (report["encoding"], report["hours"], report["resume"]) == ([], None, None)
    assert [(each["num_images"], each["num_captions"]) for each in report["similarity"]] == [(1000, 5000)]
