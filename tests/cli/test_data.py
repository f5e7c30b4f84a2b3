"""`mm data`: sets, cards, checks of folders, tables to copy."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner
from PIL import Image

from mm.cli.commands.data.example import KINDS
from mm.cli.main import main
from mm.data.folder.examples import EXAMPLES
from mm.data.sets.catalog import list_sets


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(main, ["data", *arguments])
    return result.exit_code, result.output


def test_data_list_has_every_set() -> None:
    code, output = run("list", "--json")
    assert code == 0
    assert [row["name"] for row in json.loads(output)] == [described.name for described in list_sets(with_tasks=False)]
    assert "| folder | " in run("list")[1]


def test_data_show_prints_card_licence_and_how_to_get_it() -> None:
    code, output = run("show", "flickr8k")
    assert code == 0
    assert output.startswith("# Flickr8k")
    assert "Licence: research and education only" in output
    assert "How to get it: " in output
    assert run("show", "flickr9k")[0] == 1


def test_data_example_can_be_filled_in_and_checked(tmp_path: Path) -> None:
    table = tmp_path / "captions.csv"
    assert run("example", "captions", "-o", str(table))[0] == 0
    code, output = run("example", "captions", "-o", str(table))
    assert code == 1
    assert "is not overwritten" in output
    (tmp_path / "images").mkdir()
    for name in ("harbour", "market"):
        Image.new("RGB", (4, 4)).save(tmp_path / "images" / f"{name}.jpg")
    code, output = run("check", str(tmp_path))
    assert code == 0
    assert "captions.csv: CSV with commas, 4 rows, columns file, caption, language, group, split" in output
    assert "3 files, 4 captions, 3 groups" in output
    assert "1 of 3 files are missing" in output
    assert "can be evaluated as folder, split all: 2 files, 1 missing." in output
    assert run("check", "folder", str(tmp_path), "--split", "train")[0] == 1


def test_data_check_of_a_wrong_folder_exits_with_1(tmp_path: Path) -> None:
    code, output = run("check", "flickr8k", str(tmp_path))
    assert code == 1
    assert "cannot be evaluated as flickr8k: 1 error." in output
    assert run("check", "a", "b", "c")[0] == 2


def test_data_example_kinds_are_those_of_the_command() -> None:
    assert tuple(EXAMPLES) == KINDS
