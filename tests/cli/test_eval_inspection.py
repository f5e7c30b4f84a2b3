"""`mm eval` of parts and boards, on rendered data sets."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from mm.cli.main import main
from mm.evaluation.runs.compare import compare_runs
from mm.evaluation.runs.store import RunStore
from tests.data.inspection.folders import write_split
from tests.evaluation.inspection.test_parts import make_set


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where commands keep their runs."""
    monkeypatch.setenv("MM_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_eval_mvtec_transistor_prints_a_report_for_each_number_of_good_images(tmp_path: Path, home: Path) -> None:
    make_set(tmp_path)
    arguments = ["eval", "mvtec_transistor", "--root", str(tmp_path), "--good", "2", "--good", "3", "--seeds", "1"]
    result = CliRunner().invoke(main, [*arguments, "--longest", "64", "--bank", "50", "--json"])
    assert result.exit_code == 0, result.output
    few, many = json.loads(result.stdout)
    assert "2 good images" in few["of"]
    assert "3 good images" in many["of"]
    names = [measure["name"] for measure in few["measures"]]
    assert names[0] == "image AUROC"
    assert "image AUROC without misplaced" in names
    assert "seed 0" in result.stderr
    store = RunStore(home)
    first, second = (store.get(run.id) for run in store.list_runs("mvtec_transistor"))
    assert (first.signature.task, first.signature.split, first.root) == ("inspectors", "dev", str(tmp_path))
    assert "bank_size=50" in first.signature.method
    assert next(iter(first.signature.weights)).startswith("efficientnet-lite2")
    assert {item.path for item in first.outcome.items} == {f"{number}.png" for number in range(8, 20)}
    differences = {row.measure.name: row for row in compare_runs(first, second).differences}
    assert differences["false alarms at promised 5%"].difference is not None
    image_auroc = differences["image AUROC"]
    assert (image_auroc.measure.of, image_auroc.num_items) == ("pairs in order", 12)
    assert image_auroc.difference is not None
    again = CliRunner().invoke(main, [*arguments[:-2], "--seeds", "1", "--longest", "64", "--bank", "50", "--no-keep"])
    assert again.exit_code == 0, again.output
    assert len(store.list_runs()) == 2


def test_eval_of_a_name_with_its_own_command_runs_the_tasks_of_the_set_when_one_is_named(tmp_path: Path) -> None:
    make_set(tmp_path)

    def call(*arguments: str) -> tuple[int, str]:
        result = CliRunner().invoke(main, ["eval", *arguments, "--root", str(tmp_path)])
        return result.exit_code, result.output

    assert call("magnetic_tile", "--check")[1].startswith(f"{tmp_path} can be evaluated as magnetic_tile, split dev: 12 files.")
    assert "no option depth" in call("magnetic_tile", "--task=defects", "--option", "depth=1", "--no-keep")[1]
    assert "--seeds" in CliRunner().invoke(main, ["eval", "magnetic_tile", "--help"]).output
    code, output = call("bus_bra", "--check")  # has no tasks of the set
    assert (code, "cannot be evaluated as bus_bra" in output) == (1, True)
    assert "No such command 'absent'" in call("absent", "--check")[1]


def test_eval_deep_pcb_prints_a_table(tmp_path: Path) -> None:
    item: dict[str, object] = {"group": "1", "board": "b", "template": "1_temp.png", "annotation": "1.txt"}
    write_split(tmp_path, "board", {"dev": ["1_test.png"]}, {"1_test.png": item})
    (tmp_path / "1.txt").write_text("1 1 5 5 1\n")
    result = CliRunner().invoke(main, ["eval", "deep_pcb", "--root", str(tmp_path)])
    assert result.exit_code == 0, result.output
    assert "DeepPCB, 1 boards of 1 layouts with 1 defects of dev, template inspector" in result.stdout
    assert "DeepPCB, 1 boards of 1 layouts with 1 defects of dev, plain difference, the baseline" in result.stdout
    assert "| F1 at IoU 0.33 |" in result.stdout


def test_eval_magnetic_tile_of_a_folder_without_split_fails_with_the_reason(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["eval", "magnetic_tile", "--root", str(tmp_path)])
    assert result.exit_code != 0
    assert "has no split.json" in f"{result.output}{result.exception}"
