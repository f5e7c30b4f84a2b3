"""`mm inspect export`: files of each format, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.inspect.parts import inspect

pytestmark = pytest.mark.xdist_group("inspect-commands")


@pytest.fixture
def run(folder: Path) -> str:
    return str(json.loads(inspect("run", "disc", "new", "--json").stdout)["run"])


def test_export_of_one_file_is_printed_or_written(folder: Path, run: str) -> None:
    printed = inspect("export", run, "--format", "coco")
    assert len(json.loads(printed.stdout)["images"]) == 2
    written = inspect("export", run, "--format", "csv", "-o", "out/regions.csv")
    assert written.exit_code == 0, written.output
    assert "new/scratch.png,,,fail," in (folder / "out" / "regions.csv").read_text()


def test_export_of_many_files_is_a_folder(folder: Path, run: str) -> None:
    assert inspect("export", run, "--format", "mvtec", "-o", "mvtec").exit_code == 0
    assert len(list((folder / "mvtec" / "disc").rglob("*.png"))) == 3
    assert inspect("export", str(folder / "home" / "inspections" / run), "--format", "png16", "-o", "heat").exit_code == 0
    assert len(list((folder / "heat" / "heat").iterdir())) == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none", "--format", "csv"], "There is no run none"),
        (["RUN", "--format", "mvtec"], "name a new folder with --out"),
        (["RUN", "--format", "mvtec", "-o", "good"], "holds files"),
        (["RUN", "--format", "csv", "-o", "good"], "good is a folder"),
    ],
)
def test_export_bad_input_is_refused_in_one_sentence(run: str, arguments: list[str], message: str) -> None:
    result = inspect("export", *(run if argument == "RUN" else argument for argument in arguments))
    assert result.exit_code == 1
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_export_of_a_deleted_image_is_refused_and_names_it(folder: Path, run: str) -> None:
    (folder / "new" / "fine.png").unlink()
    result = inspect("export", run, "--format", "mvtec", "-o", "mvtec")
    assert result.exit_code == 1
    assert "fine.png of the run" in result.stderr


def test_export_of_a_damaged_run_is_refused(folder: Path, run: str) -> None:
    (folder / "home" / "inspections" / run / "records.jsonl").write_text("{}\n")
    result = inspect("export", run, "--format", "csv")
    assert result.exit_code == 1
    assert "is not a run of this version" in result.stderr
