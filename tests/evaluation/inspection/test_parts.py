"""Evaluations of parts and fabrics, with a simple inspector on rendered data sets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mm.data.inspection.types import MarkedImage
from mm.errors import InvalidInput
from mm.evaluation.inspection.parts import estimate_share, report_parts
from mm.evaluation.inspection.runs import Trial, inspect_images, run_trials
from mm.evaluation.inspection.sets import evaluate_aitex_fabric, evaluate_magnetic_tile, evaluate_mvtec_transistor
from mm.inspection.types import GoodImage, Inspection, Threshold
from mm.media.types import RGB
from tests.data.inspection.folders import write_split

SIZE = (24, 32)


@dataclass(frozen=True)
class MeanInspector:
    """Distance of each pixel from the mean of the good images."""

    mean: np.ndarray
    scores: np.ndarray
    name: str = "mean"
    version: int = 1

    @property
    def threshold(self) -> Threshold:
        return Threshold(
            float(self.scores.max()), 0.05, len(self.scores), len(self.scores), 1 / (len(self.scores) + 1), (0.0, 1.0)
        )

    def inspect(self, image_HWC: RGB, mask_HW: np.ndarray | None = None) -> Inspection:
        heat = np.abs(image_HWC.mean(2) - self.mean).astype(np.float32)
        score = float(heat.max())
        p_value = (1 + int((self.scores >= score).sum())) / (len(self.scores) + 1)
        return Inspection(score, p_value, "pass", heat, (), self.name, self.version)


def fit(images: Sequence[GoodImage], seed: int) -> MeanInspector:
    pixels = np.stack([np.asarray(image.image, np.float32).mean(2) for image in images])
    return MeanInspector(pixels.mean(0), np.abs(pixels - pixels.mean(0)).max((1, 2)))


def render(folder: Path, name: str, *, seed: int, defect: bool, mode: str = "RGB") -> None:
    pixels = np.random.default_rng(seed).integers(100, 110, SIZE).astype(np.uint8)
    if defect:
        pixels[6:12, 8:20] += 60
        mask = np.zeros(SIZE, np.uint8)
        mask[6:12, 8:20] = 255
        (folder / "masks").mkdir(exist_ok=True)
        Image.fromarray(mask).save(folder / "masks" / name.replace("/", "_"))
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).convert(mode).save(folder / name)


def make_set(folder: Path, good: str = "good", kinds: tuple[str, str] = ("cut", "misplaced"), **fields: object) -> None:
    items: dict[str, dict[str, object]] = {}
    splits: dict[str, list[str]] = {"train": [], "dev": []}
    for number in range(20):
        kind = good if number < 14 else kinds[number % 2]
        name = f"{number}.png"
        items[name] = {"class": kind, "group": f"g{number // 2}", **fields, "support": number < 6}
        if kind != good:
            items[name]["mask"] = f"masks/{name}"
        splits["train" if number < 8 else "dev"].append(name)
    if "fabric" in fields:
        splits["dev"] = splits["train"] + splits["dev"]
    write_split(folder, "anomaly", splits, items)
    for number in range(20):
        render(folder, f"{number}.png", seed=number, defect=number >= 14)


def values(record: dict[str, object]) -> dict[str, float]:
    return {row["name"]: row["value"] for row in record["measures"]}  # type: ignore[union-attr, index]


def test_evaluate_mvtec_transistor_reports_images_pixels_and_alarms(tmp_path: Path) -> None:
    make_set(tmp_path)
    lines: list[str] = []
    reports = evaluate_mvtec_transistor(fit, tmp_path, "dev", (4, 8), 2, lines.append)
    few, many = reports.record()
    jobs = evaluate_mvtec_transistor(fit, tmp_path, "dev", (4, 8), 2, lines.append, num_jobs=2)
    assert jobs.record() == reports.record()
    assert few["of"].startswith("MVTec transistor, 4 good images, 6 good and 6 defective images of dev, 2 seeds")
    assert "AUPIMO is left out" in few["of"]
    measured = values(many)  # type: ignore[arg-type]
    assert measured["image AUROC"] == measured["image AUROC, cut"] == measured["image AUROC without misplaced"] == 1.0
    assert measured["pixel AUROC"] > 0.99
    assert measured["PRO up to a false positive rate of 0.3"] > 0.99
    # With eight good images no p-value is below one ninth.
    assert measured["false alarms at promised 5%"] == measured["defective parts found at promised 5%"] == 0.0
    assert measured["image AUROC of mean brightness (baseline)"] == 1.0
    assert len(lines) == 8
    assert "| image AUROC | 100.0 |" in reports.table()


def test_evaluate_magnetic_tile_takes_free_tiles_as_good(tmp_path: Path) -> None:
    make_set(tmp_path, good="free", kinds=("crack", "break"))
    (record,) = evaluate_magnetic_tile(fit, tmp_path, "dev", (8,), 1).record()
    measured = values(record)  # type: ignore[arg-type]
    assert measured["image AUROC, break"] == measured["image AUROC, crack"] == 1.0


def test_evaluate_aitex_fabric_fits_on_support_strips_of_each_fabric(tmp_path: Path) -> None:
    make_set(tmp_path, kinds=("defect", "defect"), fabric="02")
    fabric, mean = evaluate_aitex_fabric(fit, tmp_path, "dev", 1).record()
    assert "AITEX fabric 02, 6 good strips, 8 good and 6 defective images" in fabric["of"]
    assert values(mean) == {"image AUROC, lowest and highest fabric": 1.0}  # type: ignore[arg-type]


def test_run_trials_chooses_other_good_images_for_each_seed(tmp_path: Path) -> None:
    images = []
    for number in range(8):
        render(tmp_path, f"{number}.png", seed=number, defect=False)
        images.append(MarkedImage(tmp_path / f"{number}.png", str(number), "good"))
    chosen: list[frozenset[str]] = []

    def record(goods: Sequence[GoodImage], seed: int) -> MeanInspector:
        chosen.append(frozenset(good.group for good in goods))
        return fit(goods, seed)

    render(tmp_path, "bad.png", seed=9, defect=True)
    bad = MarkedImage(tmp_path / "bad.png", "bad", "cut", (tmp_path / "masks" / "bad.png",))
    runs = run_trials([Trial(record, images, [*images, bad], 4, seed) for seed in range(3)])
    assert len(set(chosen)) == 3
    assert {len(groups) for groups in chosen} == {4}
    assert all(run.score_N.argmax() == 8 for run in runs)


def test_inspect_images_leaves_defects_without_marks_out_of_the_pixels(tmp_path: Path) -> None:
    images = []
    for number in range(4):
        render(tmp_path, f"{number}.png", seed=number, defect=number > 1)
        masks = (tmp_path / "masks" / "2.png",) if number == 2 else ()
        images.append(MarkedImage(tmp_path / f"{number}.png", str(number), "good" if number < 2 else "cut", masks))
    run = inspect_images(fit([GoodImage(image.read(), image.group) for image in images[:2]], 0), images)
    assert run.marked_M.tolist() == [0, 1, 2]
    assert run.pixels.num_regions_N.tolist() == [0, 0, 1]
    names = {measure.name for measure in report_parts("parts", images, [run]).measures}
    assert "pixel AUROC" in names


def test_report_parts_without_defective_images_raises_invalid_input(tmp_path: Path) -> None:
    render(tmp_path, "1.png", seed=1, defect=False)
    images = [MarkedImage(tmp_path / "1.png", "1", "good")]
    run = inspect_images(fit([GoodImage(images[0].read(), "1")], 0), images)
    with pytest.raises(InvalidInput, match="good and defective"):
        report_parts("parts", images, [run])


def test_estimate_share_of_no_alarms_has_an_upper_bound_by_groups() -> None:
    interval = estimate_share(np.zeros(12), np.repeat(np.arange(4), 3))
    assert (interval.value, interval.low) == (0.0, 0.0)
    assert interval.high == pytest.approx(1 - 0.025 ** (1 / 4))
    assert estimate_share(np.ones(2), np.arange(2)).high == 1.0
    some = estimate_share(np.array([0.0, 1.0, 0.0, 0.0]), np.arange(4))
    assert some.low < some.value == 0.25 < some.high
