"""Evaluation of word matches on captions that the test writes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mm.errors import InvalidInput
from mm.evaluation.words import FITTED, evaluate
from mm.spaces import Space

CAPTIONS = [
    ("two brown dogs run along the beach .", "a pair of dogs on the sand"),
    ("a red bicycle stands near the field", "the bike leans on a fence"),
    ("three children swimming in the lake", "kids in the water"),
    ("a woman climbing a mountain", "someone scales a rock"),
    ("a black cat sleeping on a chair", "the pet takes a nap"),
    ("a boy walking through the park", "a child on a path"),
    ("four white birds over a street", "seagulls in town"),
]


@pytest.fixture
def captioned(tmp_path: Path) -> Path:
    (tmp_path / "images").mkdir()
    rows = []
    for number, captions in enumerate(CAPTIONS):
        (tmp_path / "images" / f"{number}.png").write_bytes(b"")
        rows.append({"image": f"{number}.png", "captions": captions, "split": "dev"})
    (tmp_path / "captions.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return tmp_path


def test_evaluate_words_lowers_near_misses_only(space: Space, captioned: Path) -> None:
    values = {measure.name: measure.interval.value for measure in evaluate(space, captioned).measures}
    assert values["near miss: likely"] < values["near miss: likely before"]
    for kind in ("the line", "a paraphrase"):
        assert values[f"{kind}: likely"] >= values[f"{kind}: likely before"]
        assert values[f"{kind}: R@1"] >= values[f"{kind}: R@1 before"]
    fitted = {measure.name: measure.interval.value for measure in evaluate(space, captioned, is_fit=True).measures}
    assert set(fitted) == set(FITTED)
    assert fitted["replaced"] < 0 < fitted["exact"]


def test_evaluate_words_with_too_few_captions_raises_invalid_input(space: Space, captioned: Path) -> None:
    with pytest.raises(InvalidInput, match="are needed"):
        evaluate(space, captioned, count=3)
