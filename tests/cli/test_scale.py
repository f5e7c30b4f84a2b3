"""`mm scale`: add, list, remove."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from mm.cli.main import main
from mm.metrology.board import Board
from tests.lesions.dicom_files import make_region, write_dicom
from tests.metrology.boards import render_board


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MM_HOME", str(tmp_path / "home"))


def scale(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["scale", *arguments], catch_exceptions=False)


def test_scale_add_of_a_known_length_is_listed_and_removed() -> None:
    added = scale(
        "add", "bench", "--length-mm", "10", "--from", "0,0", "--to", "300,400", "--area", "0,0", "--area", "9,0", "--area", "0,9"
    )
    assert added.exit_code == 0
    assert added.stdout.startswith("bench\t0.02 ± ")
    (record,) = json.loads(scale("list", "--json").stdout)
    assert record["mm_per_px"] == 0.02
    assert record["area"] == [[0.0, 0.0], [9.0, 0.0], [0.0, 9.0]]
    assert scale("rm", "bench").exit_code == 0
    assert scale("list").stdout == ""


def test_scale_add_of_a_used_name_fails_without_replace() -> None:
    length = ("--length-mm", "10", "--from", "0,0", "--to", "300,400")
    assert scale("add", "bench", *length).exit_code == 0
    again = scale("add", "bench", *length)
    assert (again.exit_code, again.stderr.strip()) == (
        1,
        "A scale named 'bench' exists; choose another name, or replace it with --replace.",
    )
    assert scale("add", "bench", *length, "--replace", "--tilt-degrees", "3").exit_code == 0
    assert json.loads(scale("list", "--json").stdout)[0]["tilt_degrees"] == 3.0


def test_scale_add_of_a_board_reads_its_image(tmp_path: Path) -> None:
    board = tmp_path / "board.png"
    Image.fromarray(render_board(Board(11, 8, 3.0))[0]).save(board)
    added = scale("add", "camera", "--board", str(board), "--squares", "11x8", "--square-mm", "3", "--json")
    record = json.loads(added.stdout)
    assert record["source"] == "checkerboard"
    assert record["mm_per_px"] == pytest.approx(0.1, rel=0.01)


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--length-mm", "10"),
        ("--length-mm", "10", "--from", "0", "--to", "1,1"),
        ("--board", "BOARD"),
        ("--board", "BOARD", "--length-mm", "1"),
        ("--board", "BOARD", "--squares", "9", "--square-mm", "1"),
    ],
)
def test_scale_add_of_incomplete_options_is_a_usage_error(arguments: tuple[str, ...], tmp_path: Path) -> None:
    image = tmp_path / "board.png"
    Image.new("L", (64, 64)).save(image)
    result = scale("add", "bench", *(str(image) if argument == "BOARD" else argument for argument in arguments))
    assert result.exit_code == 2
    assert scale("list").stdout == ""


def test_scale_add_of_a_dicom_file_reads_the_spacing_of_the_region(tmp_path: Path) -> None:
    regions = [make_region((0, 0, 31, 31)), make_region((32, 0, 63, 31), delta=0.01), make_region((0, 32, 63, 63), data_type=3)]
    file = write_dicom(tmp_path / "clip.dcm", np.zeros((1, 64, 64), np.uint8), regions)
    assert scale("add", "probe", "--dicom", str(file), "--region", "2").stdout.startswith("probe\t0.1 ± ")
    (record,) = json.loads(scale("list", "--json").stdout)
    assert (record["source"], record["area"][0], record["area"][2]) == ("dicom", [32, 0], [63, 31])
    assert "There is no region 3" in scale("add", "other", "--dicom", str(file), "--region", "3").stderr


def test_scale_add_of_a_dicom_file_without_a_spacing_fails(tmp_path: Path) -> None:
    file = write_dicom(tmp_path / "clip.dcm", np.zeros((1, 64, 64), np.uint8))
    failed = scale("add", "probe", "--dicom", str(file))
    assert failed.exit_code == 1
    assert "no region with a spacing in centimetres" in failed.stderr
