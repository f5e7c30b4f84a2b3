"""The bands of `mm eval bands`, on captions that the test writes and vectors that it chooses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mm.errors import InvalidInput
from mm.evaluation import bands
from mm.evaluation.bands import evaluate, find_absent_things
from mm.spaces import Space
from mm.spaces.query import build_query

SETS = Path("datasets")
CAPTIONS = ["A dog runs .", "A dog jumps .", "Snow lies on a mountain .", "A woman rides a horse ."]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Eight captioned images, two per caption; the images are empty files, none is decoded."""
    (tmp_path / "images").mkdir()
    rows = []
    for number, caption in enumerate([*CAPTIONS, *CAPTIONS]):
        (tmp_path / "images" / f"{number}.png").write_bytes(b"")
        rows.append({"image": f"{number}.png", "captions": [caption] * 2, "split": "dev" if number < 6 else "train"})
    (tmp_path / "captions.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return tmp_path


def test_find_absent_things_returns_those_without_a_content_word_in_a_caption() -> None:
    assert find_absent_things(["a dog", "the cat", "a dog sled", "on a mountain", "glacier"], [["Dog on a mountain."]]) == [
        "the cat",
        "glacier",
    ]


def test_bands_evaluate_counts_hits_above_each_bound(folder: Path, space: Space, monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = space.text.embed([*CAPTIONS, *CAPTIONS][:6])
    monkeypatch.setattr(bands, "embed_images", lambda *_: vectors)
    values = {measure.name: measure.interval.value for measure in evaluate(space, folder, SETS, queries_per_length=4).measures}
    ways = ("relevant images that are likely", "a relevant image among the first 10, likely")
    for words in ("one word", "two words", "three words"):
        assert all(0 <= values[f"{words}: {way}"] <= values[f"{words}: likely or possible"] <= 1 for way in ways)
        assert values[f"{words}: without any bound"] == 1, "six pictures fit on a page"
    for name in ("unanswerable", "thing that is not there"):
        assert values[f"{name}: nothing at all"] <= values[f"{name}: nothing likely"]
        assert values[f"{name}: fewer than 10 hits"] == 1
    monkeypatch.setattr(bands, "embed_images", lambda *_: -vectors)
    values = {measure.name: measure.interval.value for measure in evaluate(space, folder, SETS, queries_per_length=4).measures}
    assert values["one word: relevant images that are likely"] == 0
    assert values["unanswerable: hits, likely and possible"] == 0


def test_bands_evaluate_of_a_space_with_one_bound_raises_invalid_input(
    folder: Path, space: Space, monkeypatch: pytest.MonkeyPatch
) -> None:
    single = space.calibration.model_copy(update={"possible": None})
    monkeypatch.setattr(Space, "calibration", property(lambda _: single))
    assert build_query(space, text="a dog").possible is None
    with pytest.raises(InvalidInput, match="no bound of possible hits"):
        evaluate(space, folder, SETS)
