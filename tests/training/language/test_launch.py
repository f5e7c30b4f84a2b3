"""Several training runs at once, and the command that starts them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from mm.cli.commands.train.language import command
from mm.errors import InvalidInput
from mm.training.language import launch
from mm.training.language.launch import RunOptions, RunResult, list_gpus, read_runs, run_all


def test_read_runs_gives_options_by_name(tmp_path: Path) -> None:
    (tmp_path / "runs.json").write_text(json.dumps({"a": ["--seed", 1], "b": []}))
    assert read_runs(tmp_path / "runs.json") == [RunOptions("a", ("--seed", "1")), RunOptions("b", ())]


@pytest.mark.parametrize("text", ["[]", "{", "{}", '{"../a": []}', '{"a": 1}'])
def test_read_runs_of_another_content_raises_invalid_input(tmp_path: Path, text: str) -> None:
    (tmp_path / "runs.json").write_text(text)
    with pytest.raises(InvalidInput):
        read_runs(tmp_path / "runs.json")


def test_run_all_deals_out_gpus_and_stops_runs_at_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = "import os, sys, time; print(os.environ['CUDA_VISIBLE_DEVICES'], sys.argv[-1]); time.sleep(float(sys.argv[-1]))"
    monkeypatch.setattr(launch, "_PROGRAM", program)
    runs = [RunOptions("first", ("0",)), RunOptions("second", ("0",)), RunOptions("third", ("600",))]
    results = run_all(runs, ["--data", "x"], tmp_path, ["4", "7"], minutes=0.1)
    assert results == [RunResult("first", 0), RunResult("second", 0), RunResult("third", None)]
    assert (tmp_path / "first.log").read_text() == "4 0\n"
    assert (tmp_path / "second.log").read_text() == "7 0\n"


def test_list_gpus_follows_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert list_gpus(2) == ["0", "1"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")
    assert list_gpus(1) == ["3"]
    assert list_gpus(0) == []


def test_train_language_command_reports_a_recipe_that_cannot_be(tmp_path: Path) -> None:
    arguments = ["--data", str(tmp_path), "--out", str(tmp_path / "out"), "--stage", "text"]
    result = CliRunner().invoke(command, arguments)
    assert isinstance(result.exception, InvalidInput)
    assert "captions without images" in str(result.exception)
