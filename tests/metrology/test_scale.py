"""Scale records: known length, DICOM regions, storage, uncertainty budget."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from mm.errors import Conflict, Corrupt, InvalidInput, MissingScale, NotFound, OutsideScale
from mm.media.dicom import UltrasoundRegion
from mm.metrology import Scale, scale_of_length
from mm.metrology.budget import combine, rectangular
from mm.metrology.dicom import DISTANCE_UNCERTAINTY, list_region_scales
from mm.metrology.extremes import EdgeNoise, expected_maximum
from mm.metrology.scale import Lens
from mm.metrology.store import ScaleStore


def test_scale_of_length_combines_the_uncertainties_of_length_and_points() -> None:
    scale = scale_of_length(10.0, (0, 0), (300, 400), length_uncertainty_mm=0.01, point_uncertainty_px=0.5)
    assert scale.mm_per_px == pytest.approx(0.02)
    assert scale.relative_uncertainty == pytest.approx(math.hypot(0.001, math.sqrt(2) * 0.5 / 500))


@pytest.mark.parametrize(
    ("length", "end", "message"),
    [(0.0, (100, 0), "not a positive"), (math.nan, (100, 0), "not a positive"), (1.0, (5, 0), "5.0 px apart")],
)
def test_scale_of_length_of_invalid_input_raises_invalid_input(length: float, end: tuple[float, float], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        scale_of_length(length, (0, 0), end)


@pytest.mark.parametrize(
    "fields",
    [
        {"mm_per_px": -1.0},
        {"mm_per_px": math.inf},
        {"standard_uncertainty": -0.1},
        {"blur_px": math.nan},
        {"tilt_degrees": 60.0},
        {"area": ((0, 0), (1, 1))},
    ],
)
def test_scale_of_invalid_numbers_raises_invalid_input(fields: dict[str, object]) -> None:
    with pytest.raises(InvalidInput):
        Scale(**{"mm_per_px": 0.1, "standard_uncertainty": 0.0, "area": None, "source": "length", **fields})  # type: ignore[arg-type]


def test_check_inside_accepts_the_border_and_names_the_first_point_outside() -> None:
    scale = Scale(0.1, 0.0, ((0, 0), (10, 0), (10, 10), (0, 10)), "length")
    scale.check_inside(np.array([(0.0, 0.0), (10.0, 5.0), (5.0, 5.0)]))
    with pytest.raises(OutsideScale, match=r"\(12, 5\)"):
        scale.check_inside(np.array([(5.0, 5.0), (12.0, 5.0)]))


def test_combine_adds_contributions_as_squares_and_covers_twice_their_root() -> None:
    measured = combine(0.3125, "mm", {"scale": 0.003, "edge": 0.004})
    assert measured.expanded == pytest.approx(0.01)
    assert (measured.low, measured.high) == (pytest.approx(0.3025), pytest.approx(0.3225))
    assert str(measured) == "0.312 ± 0.010 mm (k = 2)"
    assert rectangular(math.sqrt(3)) == pytest.approx(1.0)
    assert str(combine(12.0, "px2", {})) == "12.00 ± 0.00 px² (k = 2)"


def region(**fields: float) -> UltrasoundRegion:
    values = {"x0": 100, "y0": 50, "x1": 500, "y1": 400, "units_x": 3, "units_y": 3, "delta_x": 0.005, "delta_y": 0.005}
    return UltrasoundRegion(**{**values, "spatial_format": 1, "data_type": 1, **fields})  # type: ignore[arg-type]


def test_list_region_scales_has_a_scale_for_each_region() -> None:
    scales = list_region_scales([region(), region(delta_x=-0.01, delta_y=0.01, x0=510, x1=600)])
    assert [scale.mm_per_px for scale in scales] == pytest.approx([0.05, 0.1])
    assert scales[0].relative_uncertainty == pytest.approx(DISTANCE_UNCERTAINTY / math.sqrt(3))
    scales[0].check_inside(np.array([(100.0, 50.0), (500.0, 400.0)]))
    with pytest.raises(OutsideScale):
        scales[1].check_inside(np.array([(300.0, 200.0)]))


def test_list_region_scales_leaves_out_spectra_beside_an_image() -> None:
    assert len(list_region_scales([region(spatial_format=3), region()])) == 1


@pytest.mark.parametrize(
    ("regions", "message"),
    [
        ([], "no SequenceOfUltrasoundRegions"),
        ([region(spatial_format=3)], "spatial format 3"),
        ([region(units_x=4)], "units 4 and 3"),
        ([region(delta_x=0.0)], "spacing 0 x"),
        ([region(delta_x=0.006)], "not square"),
        ([region(x1=100)], "empty"),
    ],
)
def test_list_region_scales_without_a_length_raises_missing_scale(regions: list[UltrasoundRegion], message: str) -> None:
    with pytest.raises(MissingScale, match=message):
        list_region_scales(regions)


def test_scale_store_returns_the_stored_scale(tmp_path: Path) -> None:
    store = ScaleStore(tmp_path)
    lens = Lens(tuple(map(float, range(9))), (0.1, 0.0, 0.0, 0.0, 0.0), tuple(map(float, range(9))))
    scale = Scale(0.02, 0.0001, ((0, 0), (10, 0), (10, 10)), "charuco", 0.7, 0.1, 2.0, lens)
    store.add("camera-1", scale)
    assert store.load("camera-1") == scale
    assert store.names() == ["camera-1"]
    with pytest.raises(Conflict):
        store.add("camera-1", scale)
    store.add("camera-1", Scale(0.03, 0.0, None, "length"), replace=True)
    assert store.load("camera-1").mm_per_px == 0.03
    store.remove("camera-1")
    assert store.names() == []


def test_scale_store_without_the_scale_raises_not_found(tmp_path: Path) -> None:
    for operation in (ScaleStore(tmp_path).load, ScaleStore(tmp_path).remove):
        with pytest.raises(NotFound, match="mm scale list"):
            operation("camera")


@pytest.mark.parametrize("name", ["", "../keys", "a/b", ".hidden", "a" * 65])
def test_scale_store_refuses_names_that_are_no_file_names(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidInput, match="no name of a scale"):
        ScaleStore(tmp_path).load(name)


@pytest.mark.parametrize("content", ["", "{}", '{"version": 2}', "[1]"])
def test_scale_store_of_a_damaged_file_raises_corrupt(tmp_path: Path, content: str) -> None:
    (tmp_path / "scales").mkdir()
    (tmp_path / "scales" / "camera.json").write_text(content)
    with pytest.raises(Corrupt, match="is not a scale record"):
        ScaleStore(tmp_path).load("camera")


@pytest.mark.parametrize("count", [2, 5, 30])
def test_expected_maximum_equals_the_mean_of_simulated_maxima(count: int) -> None:
    maxima = np.random.default_rng(0).normal(size=(20000, count)).max(1)
    assert expected_maximum(count) == pytest.approx(maxima.mean(), abs=0.03)


def test_edge_noise_of_a_circle_equals_the_simulated_bias() -> None:
    """Of a noisy circle the largest diameter is too large, the inscribed one too small."""
    random = np.random.default_rng(0)
    angles = np.arange(60) * 2 * math.pi / 60
    largest, inscribed, noises = [], [], []
    for _ in range(200):
        radii = 10 + random.normal(0, 0.1, 60)
        points = radii[:, None] * np.stack([np.cos(angles), np.sin(angles)], 1)
        noises.append(EdgeNoise(points, 20 * math.pi, 0.1, 0.0))
        largest.append(np.linalg.norm(points[:, None] - points[None], axis=2).max() - 20)
        inscribed.append(2 * radii.min() - 20)
    assert np.mean([noise.of_largest() for noise in noises]) == pytest.approx(np.mean(largest), abs=0.15)
    assert np.mean([noise.of_inscribed((0.0, 0.0)) for noise in noises]) == pytest.approx(np.mean(inscribed), abs=0.2)
