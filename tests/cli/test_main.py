"""The command `mm`: help, exit codes and error messages."""

from __future__ import annotations

import errno
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from mm.cli.main import COMMANDS, main

HEAVY = {"rich", "pydantic", "httpx2", "numpy", "av", "torch", "faiss", "mm.client", "mm.settings", "mm.schemas", "asyncio"}


@pytest.fixture
def run() -> CliRunner:
    return CliRunner()


def all_commands() -> list[list[str]]:
    def walk(command: click.Command, path: list[str]) -> list[list[str]]:
        if not isinstance(command, click.Group):
            return [path]
        context = click.Context(command)
        children = [(name, command.get_command(context, name)) for name in command.list_commands(context)]
        return [path, *(nested for name, child in children if child for nested in walk(child, [*path, name]))]

    return walk(main, [])


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], *([name, "--help"] for name in COMMANDS)])
def test_help_imports_no_heavy_package(arguments: list[str]) -> None:
    program = (
        "import sys\nfrom mm.cli.main import main\n"
        f"try: main({arguments!r})\nexcept SystemExit as end: assert end.code == 0\n"
        f"print(sorted({HEAVY!r} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("path", all_commands(), ids=" ".join)
def test_every_command_has_help(run: CliRunner, path: list[str]) -> None:
    done = run.invoke(main, [*path, "--help"])
    assert done.exit_code == 0
    assert "Usage: " in done.output


def test_help_lists_every_command(run: CliRunner) -> None:
    done = run.invoke(main, ["-h"])
    for name, (_, line) in COMMANDS.items():
        assert name in done.output
        assert line in done.output


def test_invalid_arguments_exit_with_2(run: CliRunner) -> None:
    for arguments in (
        ["serch"],
        ["search", "--nope", "a"],
        ["search"],
        ["search", "--like", "@1"],
        ["search", "--like", "a@nan"],
        ["embed"],
        ["add"],
        ["serve", "--port", "70000"],
    ):
        assert run.invoke(main, arguments).exit_code == 2, arguments


def test_error_prints_one_sentence_and_exits_with_1(run: CliRunner) -> None:
    done = run.invoke(main, ["models", "--url", "http://127.0.0.1:9"])
    assert done.exit_code == 1
    assert done.stdout == ""
    assert done.stderr == "No service responds at http://127.0.0.1:9. Start one there with `mm serve`.\n"


def test_invalid_setting_prints_one_sentence(run: CliRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MM_PORT", "lots")
    done = run.invoke(main, ["models"])
    assert done.exit_code == 1
    assert "MM_PORT" in done.stderr
    assert done.stderr.count("\n") == 1


def test_train_without_torch_names_torch(run: CliRunner, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    done = run.invoke(main, ["train", "align", "--data", str(tmp_path), "--out", str(tmp_path / "out")])
    assert done.exit_code == 1
    assert "torch" in done.stderr


def test_command_on_a_full_disk_prints_one_sentence(run: CliRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "/home/cache")

    monkeypatch.setattr("mm.embedded.connect.connect", refuse)
    done = run.invoke(main, ["models"])
    assert done.exit_code == 1
    assert done.stderr == (
        "The disk of /home/cache is full (No space left on device). Free space, then run the same command again.\n"
    )


def test_interrupted_command_exits_with_130(run: CliRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*args: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("mm.embedded.connect.connect", interrupt)
    assert run.invoke(main, ["models"]).exit_code == 130


@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help_of_models_lists_its_commands(run: CliRunner, option: str) -> None:
    assert "recommend" in run.invoke(main, ["models", option]).stdout


def test_calibrate_captions_with_an_invalid_file_names_the_file(run: CliRunner, tmp_path: Path) -> None:
    captions = tmp_path / "captions.json"
    captions.write_text('{"a.jpg": 1}')
    arguments = ["--data", str(tmp_path), "--captions", str(captions), "--out", str(tmp_path / "out.json")]
    done = run.invoke(main, ["train", "calibrate-captions", *arguments])
    assert done.exit_code == 1
    assert "captions.json is no file of captions" in done.stderr
