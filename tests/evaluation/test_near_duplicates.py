"""Near-duplicates: the cosine from which on they are, and what a weights file makes of copies."""

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


def test_the_cosine_is_as_low_as_distinct_pictures_allow() -> None:
    random = np.random.default_rng(0)
    pictures = random.normal(size=(600, 6)).astype(np.float32)
    pictures /= np.linalg.norm(pictures, axis=1, keepdims=True)
    chosen = choose_threshold(pictures)
    nearest = nearest_cosines(pictures)
    assert nearest == pytest.approx([max(np.delete(pictures, row, 0) @ one) for row, one in enumerate(pictures)], abs=1e-5)
    assert (nearest >= chosen).mean() <= MAX_FALSE_SHARE < (nearest >= chosen - 0.01).mean()


def test_pictures_that_are_all_alike_leave_no_cosine() -> None:
    assert choose_threshold(np.ones((3, 1), np.float32)) == 1.0
    with pytest.raises(InvalidInput):
        choose_threshold(np.ones((1, 4), np.float32))


class Colours:
    """A tower that sees nothing but the mean colour."""

    def __init__(self, *_: object) -> None: ...

    def embed(self, pictures: Sequence[np.ndarray]) -> np.ndarray:
        means = np.array([picture.mean((0, 1)) for picture in pictures], np.float32) - 120
        return means / np.linalg.norm(means, axis=1, keepdims=True)


def test_copies_are_folded_and_others_are_not(captioned_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(near_duplicates, "ImageTower", Colours)
    asked = ["eval", "duplicates", "--root", str(captioned_folder), "--json"]

    def found(alike: str) -> dict[str, float]:
        told = CliRunner().invoke(main, [*asked, "--alike", alike])
        assert told.exit_code == 0, told.output
        return {measure["name"]: measure["value"] for measure in json.loads(told.stdout)["measures"]}

    copies = {f"merged: {name}": 1.0 for name in near_duplicates.COPIES}
    assert found("0.99") == {**copies, "merged: another image": 0.0}  # a red, a green, a blue and a yellow one
    assert found("-1") == {**copies, "merged: another image": 1.0}
