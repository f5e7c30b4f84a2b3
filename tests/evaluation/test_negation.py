"""Evaluation of negation on captions that the test writes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from mm.errors import InvalidInput
from mm.evaluation import negation
from mm.evaluation.negation import evaluate
from mm.spaces import Space
from mm.spaces.types import Vectors


@pytest.fixture
def captioned(tmp_path: Path) -> Path:
    """Captions of dogs, some in snow; the images are empty files, since none is decoded."""
    captions = ["A dog runs through the snow ."] * 20 + ["A dog runs ."] * 20 + ["An empty street ."] * 10
    (tmp_path / "images").mkdir()
    rows = []
    for number, caption in enumerate(captions):
        (tmp_path / "images" / f"{number}.png").write_bytes(b"")
        rows.append({"image": f"{number}.png", "captions": [caption], "split": "dev"})
    (tmp_path / "captions.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return tmp_path


def test_negation_evaluate_ranks_unwanted_images_last(space: Space, captioned: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dog, snow, neither = space.text.embed(["a dog", "snow", "a spreadsheet of taxes"])

    def embedded(*_: object) -> Vectors:
        rows = np.stack([dog + snow] * 20 + [dog + 0.5 * neither] * 20 + [neither] * 10)
        return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)

    monkeypatch.setattr(negation, "embed_images", embedded)
    values = {measure.name: measure.interval.value for measure in evaluate(space, captioned).measures}
    assert values["without"] == 1.0
    assert values["said in words: 'a dog without grass'"] == 0.0


def test_negation_evaluate_without_a_pair_of_things_raises_invalid_input(
    space: Space, captioned: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(negation, "embed_images", lambda *_: np.zeros((50, space.dim), np.float32))
    with pytest.raises(InvalidInput, match="no pair of things"):
        evaluate(space, captioned, min_images=21)
