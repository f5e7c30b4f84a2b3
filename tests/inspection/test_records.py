"""Records of inspections: their JSON form, and the sizes of their regions."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mm.errors import MissingScale
from mm.inspection.fit import fit_inspector
from mm.inspection.inspector import FittedInspector
from mm.inspection.records import create_record, describe, fill_region
from mm.inspection.scoring.run_length import decode_mask
from mm.inspection.settings import FitSettings
from mm.inspection.thresholds.statement import count_needed_groups
from mm.inspection.types import Inspection, Threshold
from mm.metrology import Scale, measure
from mm.schemas import InspectionRecord, MeasuredValue, RegionRecord, RegionSizes, ThresholdRecord
from tests.inspection.parts import CellBackbone, add_scratch, render_good_images, render_part

MM_PER_PX = 0.05
SCALE = Scale(MM_PER_PX, 0.0001, None, "length")

finite = st.floats(-1e6, 1e6)
share = st.floats(0.001, 0.999)
values = st.builds(
    MeasuredValue,
    value=finite,
    expanded=st.floats(0, 1e6),
    unit=st.sampled_from(["mm", "px", "mm2", "px2"]),
    k=st.just(2.0),
)
regions = st.builds(
    RegionRecord,
    polygon=st.lists(st.tuples(finite, finite), max_size=6),
    rle=st.text("0123abcPQR", max_size=8),
    area_px=st.floats(0, 1e6),
    score=finite,
    kind=st.none() | st.text(max_size=8),
    measures=st.none() | st.builds(RegionSizes, length=values, width=values, area=values, feret_max=values),
    notes=st.lists(st.text(max_size=20), max_size=2),
)
thresholds = st.builds(
    ThresholdRecord,
    score=st.none() | finite,
    rate_requested=share,
    num_good=st.integers(0, 9),
    num_groups=st.integers(0, 9),
    smallest_rate=share,
    interval=st.tuples(share, share),
    rate_observed=st.none() | share,
    statement=st.text(max_size=20),
)
records = st.builds(
    InspectionRecord,
    image=st.text(max_size=20),
    start=st.none() | st.floats(0, 1e6),
    end=st.none() | st.floats(0, 1e6),
    width=st.integers(1, 9999),
    height=st.integers(1, 9999),
    score=finite,
    p_value=share,
    verdict=st.sampled_from(["pass", "fail", "undecided"]),
    regions=st.lists(regions, max_size=2),
    inspector=st.text(max_size=8),
    version=st.integers(1, 99),
    scale=st.none() | st.text(max_size=8),
    notes=st.lists(st.text(max_size=20), max_size=2),
    threshold=thresholds,
)


@pytest.fixture(scope="module")
def inspector() -> FittedInspector:
    return fit_inspector(render_good_images(20), "disc", CellBackbone(), FitSettings(backbone="cells", share=0.02))


def inspect_scratch(inspector: FittedInspector) -> tuple[np.ndarray, Inspection]:
    image = add_scratch(render_part(99), 48, 36)
    return image, inspector.inspect(image)


@given(record=records)
@settings(max_examples=60, deadline=None)
def test_record_read_from_its_json_is_the_same(record: InspectionRecord) -> None:
    assert InspectionRecord.model_validate_json(record.model_dump_json()) == record


def test_record_of_a_scratch_has_its_length_in_millimetres_within_its_uncertainty(inspector: FittedInspector) -> None:
    image, inspection = inspect_scratch(inspector)
    record = create_record(inspection, inspector.threshold, image, "scratch.png", scale=SCALE, scale_name="camera")
    assert (record.verdict, record.scale, record.image) == ("fail", "camera", "scratch.png")
    alone = add_scratch(np.full_like(image, 160), 48, 36)
    true_length = measure(alone[..., 0] > 205, alone, SCALE).length
    measures = [region.measures for region in record.regions if region.measures is not None]
    longest = max(measures, key=lambda sizes: sizes.length.value).length
    assert longest.value == pytest.approx(true_length.value, abs=longest.expanded)
    assert (longest.unit, longest.k) == ("mm", 2.0)


def test_record_without_a_scale_has_sizes_in_pixels(inspector: FittedInspector) -> None:
    image, inspection = inspect_scratch(inspector)
    record = create_record(inspection, inspector.threshold, image, "scratch.png", scale_name="ignored")
    units = {region.measures.area.unit for region in record.regions if region.measures}
    assert units == {"px2"}
    assert record.scale is None


def test_record_in_millimetres_without_a_scale_is_refused(inspector: FittedInspector) -> None:
    image, inspection = inspect_scratch(inspector)
    with pytest.raises(MissingScale, match="mm scale add"):
        create_record(inspection, inspector.threshold, image, "scratch.png", unit="mm")


def test_record_of_a_region_outside_its_scale_has_a_note_instead_of_sizes(inspector: FittedInspector) -> None:
    image, inspection = inspect_scratch(inspector)
    corner = Scale(MM_PER_PX, 0.0001, ((0, 0), (5, 0), (5, 5)), "length")
    record = create_record(inspection, inspector.threshold, image, "scratch.png", scale=corner)
    assert record.regions
    assert all(region.measures is None for region in record.regions)
    assert any("outside the area in which the scale holds" in note for region in record.regions for note in region.notes)


def test_record_of_a_good_part_has_no_regions(inspector: FittedInspector) -> None:
    image = render_part(200)
    record = create_record(inspector.inspect(image), inspector.threshold, image, "good.png", start=1.5, end=1.6)
    assert (record.verdict, record.regions, record.start, record.end) == ("pass", [], 1.5, 1.6)


def test_filled_region_covers_its_mask(inspector: FittedInspector) -> None:
    image, inspection = inspect_scratch(inspector)
    for region in inspection.regions:
        assert not (decode_mask(region.mask_rle, *image.shape[:2]) & ~fill_region(region, image.shape)).any()


@pytest.mark.parametrize(
    ("threshold", "sentence"),
    [
        (Threshold(float("inf"), 0.05, 0, 0, 1.0, (0.0, 1.0)), "needs good images of 19 parts"),
        (Threshold(2.0, 0.05, 8, 8, 1 / 9, (0.0, 0.4)), "cannot be promised by 8 held-out good images of 8 groups"),
        (Threshold(2.0, 0.05, 40, 20, 1 / 21, (0.0, 0.2)), "At most 5.0% of good parts of further groups"),
        (Threshold(2.0, 0.05, 40, 20, 1 / 21, (0.01, 0.2), 0.1), "10.0% had failed"),
    ],
)
def test_statement_of_a_threshold_says_what_it_stands_on(threshold: Threshold, sentence: str) -> None:
    assert sentence in describe(threshold).statement


@given(rate=st.floats(0.001, 0.9))
def test_needed_groups_are_the_smallest_number_that_allows_the_rate(rate: float) -> None:
    groups = count_needed_groups(rate)
    assert 1 / (groups + 1) <= rate + 1e-6
    assert groups == 0 or 1 / groups > rate - 1e-6


def test_image_of_another_type_is_measured_like_its_grey_levels(inspector: FittedInspector) -> None:
    image, inspection = inspect_scratch(inspector)
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    repeated = np.ascontiguousarray(np.repeat(grey[..., None], 3, 2))
    first, second = (create_record(inspection, inspector.threshold, pixels, "a.png") for pixels in (image, repeated))
    assert first.regions[0].measures == second.regions[0].measures
