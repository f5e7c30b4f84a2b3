"""Near-duplicates: the choice of the threshold, and the evaluation of copies."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from mm.cli.main import main
from mm.errors import InvalidInput
from mm.evaluation import near_duplicates
from mm.evaluation.near_duplicate_threshold import MAX_FALSE_SHARE, choose_threshold, nearest_cosines


def test_choose_threshold_is_the_lowest_with_few_false_near_duplicates() -> None:
    random = np.random.default_rng(0)
    images = random.normal(size=(600, 6)).astype(np.float32)
    images /= np.linalg.norm(images, axis=1, keepdims=True)
    chosen = choose_threshold(images)
    nearest = nearest_cosines(images)
    assert nearest == pytest.approx([max(np.delete(images, row, 0) @ vector) for row, vector in enumerate(images)], abs=1e-5)
    assert (nearest >= chosen).mean() <= MAX_FALSE_SHARE < (nearest >= chosen - 0.01).mean()


def test_choose_threshold_of_equal_images_is_one_and_of_one_image_raises() -> None:
    assert choose_threshold(np.ones((3, 1), np.float32)) == 1.0
    with pytest.raises(InvalidInput):
        choose_threshold(np.ones((1, 4), np.float32))


class Colours:
    """An image tower whose vector is the mean colour."""

    def __init__(self, *_: object) -> None: ...

    def embed(self, images: Sequence[np.ndarray]) -> np.ndarray:
        means = np.array([image.mean((0, 1)) for image in images], np.float32) - 120
        return means / np.linalg.norm(means, axis=1, keepdims=True)


def test_eval_duplicates_counts_merged_copies_and_other_images(captioned_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(near_duplicates, "ImageTower", Colours)
    arguments = ["eval", "duplicates", "--root", str(captioned_folder), "--json"]

    def measure(threshold: str) -> dict[str, float]:
        result = CliRunner().invoke(main, [*arguments, "--alike", threshold])
        assert result.exit_code == 0, result.output
        return {measure["name"]: measure["value"] for measure in json.loads(result.stdout)["measures"]}

    copies = {f"merged: {name}": 1.0 for name in near_duplicates.COPIES}
    assert measure("0.99") == {**copies, "merged: another image": 0.0}  # a red, a green, a blue and a yellow one
    assert measure("-1") == {**copies, "merged: another image": 1.0}
