"""The POD bench: rendering, the baseline detector, the study and its report."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from mm.bench.pod.defects import KINDS, Kind, create_defect, fill_polygon, render_coverage
from mm.bench.pod.detector import MatchedFilters
from mm.bench.pod.report import summarize
from mm.bench.pod.run import Study, Trial, count_false_calls, fit_detector, run_trials, split
from mm.bench.pod.structures import measure_structures
from mm.bench.pod.surfaces import Surface, crop, generate_surfaces, local_noise, read_surfaces
from mm.cli.main import main
from mm.errors import InvalidInput
from mm.metrology.shape import measure_diameters

SMALL = Study(sizes_mm=(0.03, 0.5), per_kind=3, num_goods=42, crop_px=64, contrasts=(10.0,))


@pytest.mark.parametrize("kind", KINDS)
def test_create_defect_has_the_size_as_its_largest_diameter(kind: Kind) -> None:
    defect = create_defect(kind, 0.4, np.random.default_rng(0))
    assert measure_diameters(defect.outline_C2).feret_max == pytest.approx(0.4)
    if kind == "pit":
        assert defect.area_mm2 == pytest.approx(math.pi * 0.04, rel=1e-3)
        assert defect.width_mm == pytest.approx(0.4, rel=1e-3)
    if kind == "scratch":
        assert defect.width_mm == pytest.approx(0.08, rel=1e-3)
        assert defect.area_mm2 == pytest.approx(0.32 * 0.08 + math.pi * 0.04**2, rel=1e-3)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("blur", [0.0, 0.7])
def test_render_coverage_keeps_area_and_position(kind: Kind, blur: float) -> None:
    defect = create_defect(kind, 0.4, np.random.default_rng(1))
    coverage = render_coverage(defect, (60, 70), (30.3, 28.6), 0.02, blur)
    assert coverage.sum() * 0.02**2 == pytest.approx(defect.area_mm2, rel=2e-3)
    assert coverage.min() >= 0
    assert coverage.max() <= 1 + 1e-9
    if kind != "stain":
        y, x = np.mgrid[:60, :70]
        assert [(coverage * x).sum() / coverage.sum(), (coverage * y).sum() / coverage.sum()] == pytest.approx(
            [30.3, 28.6], abs=0.02
        )


def test_fill_polygon_equals_counting_points_inside() -> None:
    """Reference implementation: points on a fine grid, by the half planes of a triangle."""
    corners = np.array([(2.2, 1.1), (13.7, 5.3), (5.1, 11.9)])
    y, x = np.mgrid[:160, :160] / 10 - 0.45
    inside = np.ones(x.shape, bool)
    for (x0, y0), (x1, y1) in zip(corners, np.roll(corners, -1, 0), strict=True):
        inside &= (x1 - x0) * (y - y0) - (y1 - y0) * (x - x0) >= 0
    counted = inside.reshape(16, 10, 16, 10).mean((1, 3))
    filled = fill_polygon(corners, (16, 16))
    assert filled.sum() == pytest.approx(counted.sum(), rel=0.01)
    assert np.abs(filled - counted).max() < 0.35  # rows are sampled at their middle


def test_create_defect_of_no_size_raises_invalid_input() -> None:
    with pytest.raises(InvalidInput, match="not a positive size"):
        create_defect("pit", 0.0, np.random.default_rng(0))


@pytest.mark.parametrize("noise", [1.0, 5.0])
def test_local_noise_of_white_noise_is_its_deviation(noise: float) -> None:
    grey = np.random.default_rng(0).normal(100, noise, (200, 200)) + np.linspace(0, 40, 200)
    assert local_noise(grey) == pytest.approx(noise, rel=0.03)


def test_generate_surfaces_are_reproducible_and_differ() -> None:
    first, second = generate_surfaces(2, 48, 0), generate_surfaces(2, 48, 0)
    assert np.array_equal(first[0].grey_HW, second[0].grey_HW)
    assert not np.array_equal(first[0].grey_HW, first[1].grey_HW)
    assert crop(first[0], 32, np.random.default_rng(0)).shape == (32, 32)


def test_read_surfaces_leaves_out_small_images(tmp_path: Path) -> None:
    for name, side in (("a.png", 64), ("b.png", 80), ("c.png", 16)):
        Image.fromarray(np.full((side, side), 90, np.uint8)).save(tmp_path / name)
    assert [surface.name for surface in read_surfaces(tmp_path, 64)] == ["a.png", "b.png"]
    with pytest.raises(InvalidInput, match="has 1 images of at least 70"):
        read_surfaces(tmp_path, 70)


def test_matched_filters_find_a_defect_and_keep_the_rate() -> None:
    surfaces, others = split(generate_surfaces(84, 64, 0))
    detector = MatchedFilters()
    fit_detector(detector, surfaces, SMALL)
    trials = list(run_trials(detector, others, SMALL))
    assert [trial.kind for trial in trials] == [kind for kind in KINDS for _ in range(3)]
    assert all(trial.is_hit for trial in trials if trial.kind != "scratch" and trial.size_mm > 0.15)
    assert all((trial.measures is None) or trial.is_hit for trial in trials)
    calls = count_false_calls(detector, others, SMALL)
    assert calls.num_images_called <= 10  # 2.1 are expected, more than 10 have a probability of 1e-5
    assert calls.area_cm2 == pytest.approx(42 * 0.128**2)


def test_matched_filters_of_too_few_images_raise_invalid_input() -> None:
    goods = [np.full((40, 40), 90, np.uint8)] * 20
    with pytest.raises(InvalidInput, match=r"10 good images cannot show a rate of 0.05; the smallest is 0.0909"):
        MatchedFilters().fit(goods, 0.05)


def test_summarize_of_separated_trials_has_no_curve() -> None:
    trials = [Trial("pit", 10.0, size, None, 0.01, size > 0.1, 10 * size, None) for size in np.geomspace(0.03, 1, 12)]
    rows = {row.kind: row for row in summarize(trials, SMALL, 1.0)}
    assert (rows["pit"].num, rows["pit"].num_hits, rows["pit"].a90) == (12, 8, None)
    assert rows["pit"].response_a90_95 == pytest.approx(0.1, rel=0.05)
    assert rows["scratch"].num == 0
    assert rows["all"].num == 12


@pytest.mark.parametrize(("sizes", "message"), [((0.5, 0.1), "no range"), ((0.03, 3.0), "does not fit")])
def test_study_of_invalid_sizes_raises_invalid_input(sizes: tuple[float, float], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        Study(sizes_mm=sizes)


def test_bench_pod_prints_json_and_writes_the_curves(tmp_path: Path) -> None:
    plot = tmp_path / "pod.svg"
    arguments = [
        "bench",
        "pod",
        "--per-kind",
        "2",
        "--seeds",
        "1",
        "--contrast",
        "10",
        "--goods",
        "40",
        "--sizes-mm",
        "0.03",
        "0.2",
        "--json",
        "--plot",
        str(plot),
    ]
    result = CliRunner().invoke(main, arguments, catch_exceptions=False)
    report = json.loads(result.stdout)
    assert [row["kind"] for row in report["rows"]] == [*KINDS, "all"]
    assert report["false_calls"]["num_images"] == 40
    assert "largest diameter, mm" in plot.read_text()


def test_measure_structures_compares_noise_and_spots_with_pits() -> None:
    random = np.random.default_rng(5)
    noise = [Surface(str(number), 100 + random.normal(0, 4, (96, 96))) for number in range(4)]
    spotted = [Surface(each.name, each.grey_HW.copy()) for each in noise]
    for each in spotted:
        each.grey_HW[40:45, 50:55] -= 80  # 20 times the noise
    plain, marked = (measure_structures(surfaces, 96, 0) for surfaces in (noise, spotted))
    assert all(3 < structure.largest < 7 for structure in plain)
    assert marked[1].diameter_px == pytest.approx(5.3, abs=0.1)
    assert marked[1].largest == pytest.approx(20 * marked[1].pit, rel=0.3)
