"""Exports of records: they agree with the records, and other readers open them."""

from __future__ import annotations

import csv
import io
import json

import cv2
import numpy as np
import pytest

from mm.errors import InvalidInput, NotFound
from mm.inspection.exports.files import make_slug
from mm.inspection.exports.formats import FORMATS, export
from mm.inspection.heat_maps import decode_heat_map
from mm.inspection.records import create_record
from mm.inspection.scoring.regions import find_regions
from mm.inspection.scoring.run_length import decode_mask
from mm.inspection.types import Inspection, Threshold
from mm.media.types import RGB
from mm.metrology import Scale
from mm.numerics import Float32
from mm.schemas import InspectionRecord
from tests.inspection.parts import add_scratch, render_part

THRESHOLD = Threshold(1.0, 0.05, 20, 20, 1 / 21, (0.0, 0.17))
NAMES = ("=good.png", "a/scratch.png", "parts.mp4")


def find_image(record: InspectionRecord) -> RGB:
    image = render_part(1)
    return image if record.image == NAMES[0] else add_scratch(image, 48, 36)


def find_heat(record: InspectionRecord) -> Float32:
    heat = np.zeros((96, 96), np.float32)
    if record.image != NAMES[0]:
        heat[40:66, 34:66] = 2.0
        heat[80:82, 10:12] = 1.5
    return heat * (2 if record.image == NAMES[2] else 1)


@pytest.fixture(scope="module")
def records() -> list[InspectionRecord]:
    made = []
    for number, name in enumerate(NAMES):
        probe = InspectionRecord.model_construct(image=name)
        heat, image = find_heat(probe), find_image(probe)
        verdict = ("pass", "fail", "undecided")[number]
        inspection = Inspection(1.5, 0.048 if number else 0.5, verdict, heat, find_regions(heat, 1.0), "plate", 2)  # type: ignore[arg-type]
        times = {"start": 1.5, "end": 2.5} if number == 2 else {}
        made.append(create_record(inspection, THRESHOLD, image, name, scale=Scale(0.05, 1e-4, None, "length"), **times))
    return made


def run_export(export_format: str, records: list[InspectionRecord]) -> dict[str, bytes]:
    return {file.name: file.data for file in export(export_format, records, find_image, find_heat)}


def test_coco_masks_and_boxes_are_those_of_the_records(records: list[InspectionRecord]) -> None:
    stored = json.loads(run_export("coco", records)["coco.json"])
    assert [image["file_name"] for image in stored["images"]] == list(NAMES)
    assert len(stored["annotations"]) == sum(len(record.regions) for record in records)
    for annotation in stored["annotations"]:
        record = records[annotation["image_id"] - 1]
        mask = decode_mask(annotation["rle"]["counts"], *annotation["rle"]["size"])
        rows, columns = np.nonzero(mask)
        box = [columns.min(), rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1]
        assert annotation["bbox"] == box
        assert annotation["area"] == mask.sum()
        assert annotation["measures"] is None or annotation["measures"]["length"]["unit"] == "mm"
        assert record.verdict != "pass"
    assert "At most 5.0% of good parts" in stored["info"]["description"]


@pytest.mark.filterwarnings("ignore:__array__ implementation")
def test_coco_file_is_read_by_pycocotools(records: list[InspectionRecord], tmp_path) -> None:
    coco = pytest.importorskip("pycocotools.coco")
    (tmp_path / "coco.json").write_bytes(run_export("coco", records)["coco.json"])
    opened = coco.COCO(str(tmp_path / "coco.json"))
    for annotation in opened.loadAnns(opened.getAnnIds()):
        mask = opened.annToMask(annotation).astype(bool)
        exact = decode_mask(annotation["rle"]["counts"], *annotation["rle"]["size"])
        # Readers fill a polygon between the centres of its pixels, without those of its border.
        assert (mask & exact).sum() > 0.7 * exact.sum() or exact.sum() < 10
        assert not (mask & ~exact).any()


def test_table_has_a_row_for_each_region_and_no_formula(records: list[InspectionRecord]) -> None:
    rows = list(csv.DictReader(io.StringIO(run_export("csv", records)["regions.csv"].decode(), newline="")))
    assert [(row["image"], row["region"]) for row in rows] == [
        ("'=good.png", "0"),
        *((record.image, str(number)) for record in records[1:] for number in range(1, len(record.regions) + 1)),
    ]
    measured = records[1].regions[0].measures
    assert measured is not None
    assert float(rows[1]["length"]) == measured.length.value
    assert float(rows[1]["length_expanded"]) == measured.length.expanded
    assert (rows[1]["unit"], rows[-1]["start_s"]) == ("mm", "1.5")


def test_mvtec_folders_have_images_by_kind_and_masks_of_the_regions(records: list[InspectionRecord]) -> None:
    files = run_export("mvtec", records)
    assert sorted(files) == [
        "index.csv",
        "plate/ground_truth/anomaly/001_mask.png",
        "plate/ground_truth/undecided/002_mask.png",
        "plate/test/anomaly/001.png",
        "plate/test/good/000.png",
        "plate/test/undecided/002.png",
    ]
    image = cv2.imdecode(np.frombuffer(files["plate/test/anomaly/001.png"], np.uint8), cv2.IMREAD_COLOR)
    assert np.array_equal(image[..., ::-1], find_image(records[1]))
    mask = cv2.imdecode(np.frombuffer(files["plate/ground_truth/anomaly/001_mask.png"], np.uint8), cv2.IMREAD_UNCHANGED)
    assert np.array_equal(mask > 0, find_heat(records[1]) > 1)


def test_heat_maps_have_one_step_for_all_images(records: list[InspectionRecord]) -> None:
    files = run_export("png16", records)
    rows = list(csv.DictReader(io.StringIO(files["heat.csv"].decode(), newline="")))
    assert len({row["heat_per_level"] for row in rows}) == 1
    for row, record in zip(rows, records, strict=True):
        assert np.allclose(decode_heat_map(files[row["file"]]), find_heat(record), atol=1e-4)


def test_overlays_are_images_beside_their_heat_maps(records: list[InspectionRecord]) -> None:
    files = run_export("overlay", records)
    assert sorted(files) == ["overlay/00000-good.jpg", "overlay/00001-scratch.jpg", "overlay/00002-parts.jpg"]
    assert cv2.imdecode(np.frombuffer(files["overlay/00001-scratch.jpg"], np.uint8), cv2.IMREAD_COLOR).shape == (96, 192, 3)


def test_exports_without_records_are_valid_files() -> None:
    assert json.loads(run_export("coco", [])["coco.json"])["images"] == []
    assert run_export("csv", [])["regions.csv"].startswith(b"image,")
    assert [len(run_export(name, [])) for name in FORMATS] == [1, 1, 1, 1, 0]


def test_export_of_another_format_is_refused(records: list[InspectionRecord]) -> None:
    with pytest.raises(InvalidInput, match="coco, csv, mvtec, png16, overlay"):
        run_export("xml", records)


def test_export_of_a_missing_image_raises_its_error(records: list[InspectionRecord]) -> None:
    def fail(record: InspectionRecord) -> RGB:
        raise NotFound(f"The image {record.image} is missing.")

    with pytest.raises(NotFound, match=r"=good\.png is missing"):
        list(export("mvtec", records, fail, find_heat))


@pytest.mark.parametrize(
    ("text", "slug"), [("a b/c", "a_b_c"), ("../..", "part"), ("", "part"), (".hidden", "hidden"), ("x" * 99, "x" * 60)]
)
def test_slug_of_any_text_is_a_file_name(text: str, slug: str) -> None:
    assert make_slug(text) == slug
