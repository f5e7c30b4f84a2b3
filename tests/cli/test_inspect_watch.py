"""`mm inspect watch`: sources, sinks, output, and what it refuses."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from PIL import Image

from mm.cli import inspector_choice
from mm.cli.main import main
from tests.line.conveyor import HEIGHT, WIDTH, SpotInspector, num_frames, render
from tests.media_files import Track, steady, write

DEFECTS = (True, False, True)


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    frames = [render(index, DEFECTS) for index in range(num_frames(len(DEFECTS)))]
    track = Track(steady(20, len(frames)), width=WIDTH, height=HEIGHT, pictures=frames, options={"qp": "10"})
    return write(tmp_path_factory.mktemp("watch") / "belt.mp4", track)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(inspector_choice, "open_inspector", lambda name, settings: SpotInspector())
    monkeypatch.setenv("MM_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def watch(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["inspect", "watch", *map(str, arguments)])


def test_watch_video_prints_a_line_and_writes_a_row_for_each_part(home: Path, video: Path, tmp_path: Path) -> None:
    table = tmp_path / "parts.csv"
    result = watch(video, "--inspector", "spots", "--csv", table)
    assert result.exit_code == 0, result.output
    assert [line.split("\t")[0] for line in result.stdout.splitlines()] == ["FAIL", "PASS", "FAIL"]
    assert "1 PASS, 2 FAIL, 0 UNDECIDED" in result.stderr
    assert "at most 10.0% of good parts" in result.stderr
    with table.open(newline="") as file:
        assert [row["verdict"] for row in csv.DictReader(file)] == ["FAIL", "PASS", "FAIL"]
    assert (home / "lines" / "line" / "journal.jsonl").stat().st_mode & 0o077 == 0


def test_watch_again_continues_without_repeating_parts(home: Path, video: Path, tmp_path: Path) -> None:
    for _ in range(2):
        result = watch(video, "--inspector", "spots", "--line", "press", "--json", "--csv", tmp_path / "parts.csv")
        assert result.exit_code == 0, result.output
    assert result.stdout == ""
    assert len((tmp_path / "parts.csv").read_text().splitlines()) == 4


def test_watch_folder_once_takes_part_ids_from_file_names(home: Path, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for part, is_defective in (("A17", False), ("B03", True)):
        Image.fromarray(render(20, [is_defective])).save(tmp_path / "in" / f"{part}_top.png")
    result = watch(
        tmp_path / "in", "--inspector", "spots", "--once", "--pattern", "^(?P<part>[^_]+)_", "--images-per-part", "1", "--json"
    )
    assert result.exit_code == 0, result.output
    records = [json.loads(line) for line in result.stdout.splitlines()]
    assert {record["part"]: record["verdict"] for record in records} == {"A17": "PASS", "B03": "FAIL"}
    assert all(record["inspector"] == "spots" and record["version"] == 3 for record in records)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--region", "1,2"], "not a region"),
        (["--line", "Press 1"], "not a name of a line"),
        (["--webhook", "https://host/hook"], "--webhook-secret"),
        (["--mqtt", "mqtt://host"], "MQTT sink is invalid"),
        (["--pattern", "("], ""),
    ],
)
def test_watch_invalid_option_is_refused_in_one_sentence(home: Path, video: Path, arguments: list[str], message: str) -> None:
    source = video.parent if "--pattern" in arguments else video
    result = watch(source, "--inspector", "spots", *arguments)
    assert result.exit_code == 1
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_watch_unknown_inspector_is_not_found(tmp_path: Path, video: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MM_HOME", str(tmp_path))
    result = watch(video, "--inspector", "none")
    assert result.exit_code == 1
    assert "There is no inspector none" in result.stderr


def test_watch_missing_source_is_not_found(home: Path) -> None:
    result = watch("/nowhere/belt.mp4", "--inspector", "spots")
    assert result.exit_code == 1
    assert "does not exist" in result.stderr
