"""Evaluation of an inspector that was taught with marked images."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from mm.cli.main import main
from mm.data.inspection.parts import read_magnetic_tile
from mm.evaluation.inspection.taught import make_marks
from tests.evaluation.inspection.test_parts import make_set


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where commands keep their runs."""
    monkeypatch.setenv("MM_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def make_supervised_set(folder: Path) -> None:
    """The rendered set, with two marked defects in train."""
    make_set(folder, good="free", kinds=("crack", "break"))
    path = folder / "split.json"
    content = json.loads(path.read_text())
    train, dev = (content["protocols"]["anomaly"][split] for split in ("train", "dev"))
    content["protocols"]["supervised"] = {"train": [*train, *dev[-2:]], "dev": dev[:-2]}
    content["items"][dev[-1]]["group"] = "alone"
    path.write_text(json.dumps(content))


def test_make_marks_rejects_each_defective_image_with_its_outline(tmp_path: Path) -> None:
    make_supervised_set(tmp_path)
    images = read_magnetic_tile(tmp_path, "train", "supervised")
    marks = make_marks(images)
    assert [mark.image for mark in marks] == [str(image.path) for image in images if not image.is_good]
    assert {mark.kind for mark in marks} == {"crack", "break"}
    shown = images[-1].read()
    (drawn,) = [mark.draw_mask(*shown.shape[:2]) for mark in marks if mark.image == str(images[-1].path)]
    expected = images[-1].read_mask(shown.shape[:2])
    assert expected is not None
    assert (drawn == expected).all()


def test_eval_magnetic_tile_with_marks_prints_the_comparison_and_a_report(tmp_path: Path) -> None:
    make_supervised_set(tmp_path)
    arguments = ["eval", "magnetic_tile", "--root", str(tmp_path), "--good", "4", "--good", "8", "--seeds", "1", "--marks"]
    result = CliRunner().invoke(main, [*arguments, "--longest", "64", "--bank", "50", "--json"])
    assert result.exit_code == 0, result.output
    (report,) = json.loads(result.stdout)
    assert report["of"].startswith("Magnetic tiles taught with 2 marked images, 8 good images")
    assert "Held-out images: 8 good, 2 rejected (2 groups)" in result.stderr
    assert report["measures"][0]["name"] == "image AUROC"
