"""`mm inspect fit --mode`: templates of boards, named regions, and what each mode refuses."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from mm.media.types import RGB
from tests.cli.inspect.parts import inspect, save

pytestmark = pytest.mark.xdist_group("inspect-commands")


def render_board(seed: int, *, has_break: bool = False, num_holes: int = 3) -> RGB:
    """A print of dark lines with holes; boards differ by noise."""
    image = np.full((160, 240, 3), 210, np.uint8)
    for row in (30, 70, 110):
        cv2.line(image, (20, row), (220, row), (40, 40, 40), 6)
    for number in range(num_holes):
        cv2.circle(image, (50 + 60 * number, 140), 8, (40, 40, 40), -1)
    if has_break:
        image[64:77, 100:116] = 210
    noise = np.random.default_rng(seed).normal(0, 2, image.shape)
    return np.clip(image + noise, 0, 255).astype(np.uint8)


@pytest.fixture
def boards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MM_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    for number in range(6):
        save(tmp_path / "good" / f"{number:02}.png", render_board(number))
    save(tmp_path / "new" / "broken.png", render_board(90, has_break=True))
    save(tmp_path / "new" / "fine.png", render_board(91))
    save(tmp_path / "new" / "two.png", render_board(92, num_holes=2))
    return tmp_path


def test_fit_template_finds_a_break_that_run_reports(boards: Path) -> None:
    fitted = inspect("fit", "board", "good", "--mode", "template", "--conductor", "dark", "--rate", "0.2")
    assert fitted.exit_code == 0, fitted.output
    assert "template, dark copper, tolerance 2 px, aligned" in fitted.stdout
    result = inspect("run", "board", "new/broken.png", "new/fine.png", "--json")
    assert result.exit_code == 3, result.output
    records = {Path(record["image"]).name: record for record in json.loads(result.stdout)["records"]}
    assert {name: record["verdict"] for name, record in records.items()} == {"broken.png": "fail", "fine.png": "pass"}
    assert records["broken.png"]["regions"][0]["kind"] == "open"
    assert inspect("list", "board").stdout.startswith("1\tcurrent\t")


def test_fit_logical_counts_in_named_regions(boards: Path) -> None:
    regions = [{"name": "holes", "box": [20, 122, 200, 36], "count": 3, "example": [38, 128, 24, 24]}]
    (boards / "regions.json").write_text(json.dumps(regions))
    fitted = inspect("fit", "scene", "good", "--mode", "logical", "--regions", "regions.json", "--rate", "0.2", "--json")
    assert fitted.exit_code == 0, fitted.output
    assert json.loads(fitted.stdout)["mode"] == "logical"
    result = inspect("run", "scene", "new/two.png", "new/fine.png", "--json")
    records = {Path(record["image"]).name: record for record in json.loads(result.stdout)["records"]}
    assert records["two.png"]["verdict"] == "fail"
    assert records["two.png"]["regions"][0]["kind"] == "count: holes 2 of 3"
    assert records["fine.png"]["verdict"] == "pass"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--mode", "template", "--size", "128"], "The mode template has no option --size"),
        (["--mode", "logical", "--tolerance", "1"], "The mode logical has no option --tolerance"),
        (["--mode", "logical"], "needs --regions"),
        (["--mode", "logical", "--regions", "bad.json"], ""),
        (["--conductor", "dark"], "The mode patches has no option --conductor"),
        (["--mode", "template", "--tolerance", "99"], "tolerance is from 0 to 32 pixels"),
    ],
)
def test_fit_option_of_another_mode_is_refused_in_one_sentence(boards: Path, arguments: list[str], message: str) -> None:
    (boards / "bad.json").write_text("{")
    result = inspect("fit", "board", "good", *arguments)
    assert result.exit_code == 1
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_teach_template_inspector_is_refused(boards: Path) -> None:
    assert inspect("fit", "board", "good", "--mode", "template").exit_code == 0
    assert inspect("mark", "board", "new/fine.png", "accept").exit_code == 0
    result = inspect("mark", "board", "--teach")
    assert result.exit_code == 1
    assert "needs one of the type 'patches'" in result.stderr
