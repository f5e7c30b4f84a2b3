"""The task `defects` on rendered parts, with a backbone without weights."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mm.data.sets.catalog import describe_set, read_set
from mm.errors import InvalidInput
from mm.evaluation.runs.compare import compare_runs
from mm.evaluation.runs.types import Outcome, Run, Signature
from mm.evaluation.tasks.defects.measures import ALARM
from mm.evaluation.tasks.defects.task import Defects
from mm.evaluation.tasks.types import TaskInput
from mm.metrics.auc import auc, share_in_order
from mm.metrics.paired import compare_paired
from tests.inspection.parts import CellBackbone, add_scratch, render_part

SIDE = 48
SCRATCH = (12, 10)


@pytest.fixture(autouse=True)
def few_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["mm.metrics.bootstrap"], "NUM_SAMPLES", 20)


def save(path: Path, pixels: np.ndarray[Any, np.dtype[np.uint8]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def write_category(root: Path, num_good: int = 6) -> None:
    """MVTec AD's layout: good parts of train, three good and three scratched ones of test."""
    for number in range(num_good):
        save(root / "train" / "good" / f"{number}.png", render_part(number, SIDE))
    for number in range(3):
        save(root / "test" / "good" / f"{number}.png", render_part(20 + number, SIDE))
        good = render_part(30 + number, SIDE)
        scratched = add_scratch(good, *SCRATCH)
        save(root / "test" / "scratch" / f"{number}.png", scratched)
        mask = 255 * (scratched != good).any(2).astype(np.uint8)
        save(root / "ground_truth" / "scratch" / f"{number}_mask.png", mask)


def build_input(root: Path, home: Path, name: str = "mvtec_ad", split: str = "test", **changes: Any) -> TaskInput:
    described = describe_set(name)
    space: Any = SimpleNamespace(id="fake@1")
    settings: Any = SimpleNamespace(root=home)
    options = {"backbone": "cells", "longest": str(SIDE)}
    train = read_set(described, root, "train")
    return replace(TaskInput(read_set(described, root, split), root, {}, (), space, settings, options, train), **changes)


TASK = Defects(lambda name, graphs: CellBackbone())


def values(outcome: Outcome) -> dict[str, float]:
    return {measure.name: measure.value for measure in outcome.measures}


def test_defects_of_categories_are_measured_with_their_mean_and_named_faults(tmp_path: Path) -> None:
    root, home = tmp_path / "set", tmp_path / "home"
    for name in ("bolt", "nut"):
        write_category(root / name)
    write_category(root / "washer", num_good=1)
    (root / "washer" / "train" / "good" / "0.png").write_bytes(b"no image")
    (root / "bolt" / "test" / "good" / "1.png").write_bytes(b"no image")
    save(root / "nut" / "ground_truth" / "scratch" / "2_mask.png", np.full((8, 8), 255, np.uint8))
    (root / "nut" / "ground_truth" / "scratch" / "1_mask.png").unlink()
    progress: list[Any] = []
    given = build_input(root, home, on_progress=progress.append)
    outcome = TASK.measure(given)
    measured = values(outcome)
    assert measured["mean of 2 categories: image AUROC"] == 1
    assert measured["mean of 2 categories: pixel AUROC"] > 0.9
    assert measured["mean of 2 categories: PRO up to a false positive rate of 0.3"] > 0.5
    assert "mean of 2 categories: image AUROC of mean brightness (baseline)" in measured
    assert ALARM in measured
    assert [(row.stratum, row.num_items) for row in outcome.breakdowns[0].rows] == [("bolt", 5), ("nut", 5)]
    reasons = {failed.id: failed.reason for failed in outcome.failed}
    assert "cannot be read as an image" in reasons["bolt/test/good/1.png"]
    assert "8 x 8 pixels, its image 48 x 48" in reasons["nut/test/scratch/2.png"]
    assert "no good image of the category 'washer'" in reasons["washer/test/good/0.png"]
    assert "cannot be fitted on" in reasons["washer/train/good/0.png"]
    assert len(reasons) == 1 + 1 + 7
    assert outcome.notes == [
        "1 defective images have no marked pixel: they count for the measures of images, not for those of pixels.",
        "The good images of bolt, nut have too few groups for the promised rate: none fails, and no defect is found at it.",
    ]
    assert (progress[-1].done, progress[-1].total, progress[-1].verb) == (12, 18, "inspected")
    assert list((home / "cache" / "defects").iterdir()) == []
    with pytest.raises(InvalidInput, match="Without `--strict`"):
        TASK.measure(replace(given, strict=True))


def test_defects_of_one_category_are_broken_down_by_kind_and_compared_item_by_item(tmp_path: Path) -> None:
    root = tmp_path / "set"
    write_category(root)
    for number in range(2):
        save(root / "test" / "dark" / f"{number}.png", (render_part(40 + number, SIDE) // 2).astype(np.uint8))
    given = build_input(root, tmp_path)
    outcome = TASK.measure(given)
    assert [row.stratum for row in outcome.breakdowns[0].rows] == ["dark", "scratch"]
    few = TASK.measure(replace(given, options={**given.options, "good": "2", "seed": "3"}))
    assert TASK.find_method(given).name == "inspector,backbone=cells,cracks=no,fine=no,good=all,longest=48,seed=0"
    assert TASK.find_method(given).weights == {"cells": "cells-1"}
    comparison = compare_runs(make_run("many", outcome), make_run("few", few))
    images = comparison.differences[0]
    assert images.difference is not None
    assert images.difference.value == pytest.approx(few.measures[0].value - outcome.measures[0].value)
    assert images.num_items == 8
    baseline = comparison.differences[-1]
    assert baseline.measure.name == "image AUROC of mean brightness (baseline)"
    assert baseline.difference is not None
    assert baseline.difference.value == pytest.approx(few.measures[-1].value - outcome.measures[-1].value)
    assert all(row.difference is not None for row in comparison.differences)
    for before, after, row in zip(outcome.measures[1:3], few.measures[1:3], comparison.differences[1:3], strict=True):
        assert row.difference is not None
        assert row.difference.value == pytest.approx(after.value - before.value, abs=0.005)
        assert row.num_items == 6  # the two dark ones have no marked pixel


def make_run(name: str, outcome: Outcome) -> Run:
    signature = Signature(
        set_name="parts", set_version=1, split="test", task="defects", method=name, code="0", weights={}, num_items=1
    )
    return Run(id=name, started="2026-01-01", seconds=1, command="", root="", signature=signature, outcome=outcome)


def test_defects_of_a_table_with_masks_needs_a_split_that_is_not_fitted_on(tmp_path: Path) -> None:
    root = tmp_path / "set"
    write_category(root)
    rows = ["file,label,mask,split"]
    rows += [f"train/good/{number}.png,good,,train" for number in range(6)]
    rows += [f"test/good/{number}.png,,,dev" for number in range(3)]
    rows += [f"test/scratch/{number}.png,,ground_truth/scratch/{number}_mask.png,dev" for number in range(3)]
    (root / "annotations.csv").write_text("\n".join(rows))
    outcome = TASK.measure(build_input(root, tmp_path, "folder", "dev"))
    assert values(outcome)["image AUROC"] == 1
    assert {item.expected for item in outcome.items} == {"good", "defect"}
    with pytest.raises(InvalidInput, match="6 good images of train, on which inspectors are fitted"):
        TASK.measure(build_input(root, tmp_path, "folder", "all"))


def test_defects_fits_on_support_images_of_the_split_where_there_are_such(tmp_path: Path) -> None:
    root = tmp_path / "set"
    write_category(root)
    given = build_input(root, tmp_path)
    items = tuple(replace(item, is_support=item.id == "test/good/0.png", is_grey=True) for item in given.data.items)
    outcome = TASK.measure(replace(given, data=replace(given.data, items=items), train=replace(given.data, items=())))
    assert "fitted on 1 good" in outcome.title
    assert len(outcome.items) == 5


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"depth": "1"}, "no option depth"),
        ({"good": "x"}, "whole number"),
        ({"fine": "1"}, "yes or no"),
        ({"good": "9"}, "not 9"),
    ],
)
def test_defects_refuses_options_that_it_does_not_have(options: dict[str, str], message: str, tmp_path: Path) -> None:
    write_category(tmp_path / "set")
    given = build_input(tmp_path / "set", tmp_path)
    with pytest.raises(InvalidInput, match=message):
        TASK.measure(replace(given, options={**given.options, **options}))


def test_defects_without_a_defective_image_says_what_is_lacking(tmp_path: Path) -> None:
    write_category(tmp_path / "set")
    given = build_input(tmp_path / "set", tmp_path)
    good = tuple(item for item in given.data.items if item.labels == ("good",))
    with pytest.raises(InvalidInput, match="has no defective image"):
        TASK.measure(replace(given, data=replace(given.data, items=good)))


def test_share_in_order_has_the_auroc_as_its_mean_over_either_side() -> None:
    random = np.random.default_rng(0)
    scores, is_defective = random.integers(0, 9, 40).astype(float), random.random(40) < 0.4
    shares = share_in_order(scores, is_defective)
    assert shares[is_defective].mean() == pytest.approx(auc(scores, is_defective))
    assert shares[~is_defective].mean() == pytest.approx(auc(scores, is_defective))


def test_compare_paired_of_rows_equals_that_of_their_values() -> None:
    random = np.random.default_rng(0)
    first, second, groups = random.random(12), random.random(12), np.arange(12) // 2
    plain = compare_paired(first, second, groups)
    rows = compare_paired(
        np.stack([first, first], 1), np.stack([second, second], 1), groups, lambda sample: float(sample[:, 0].mean())
    )
    assert rows.p_value == plain.p_value
    assert rows.difference.low == pytest.approx(plain.difference.low)
    assert rows.difference.high == pytest.approx(plain.difference.high)
