"""`mm inspect mark`: marks of runs and of files, undo, and teaching."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from mm.inspection.marks.store import MarkStore
from mm.inspection.runs import Run
from tests.cli.inspect.parts import inspect, save
from tests.inspection.parts import add_scratch, render_part
from tests.media_files import Track, steady, write

pytestmark = pytest.mark.xdist_group("inspect-commands")

OUTLINE = "34,46 40,44 64,56 64,62 58,62"


@pytest.fixture
def run(folder: Path) -> str:
    return str(json.loads(inspect("run", "disc", "new", "--json").stdout)["run"])


def list_marks() -> list[dict]:
    marks: list[dict] = json.loads(inspect("mark", "disc", "--list", "--json").stdout)
    return marks


def test_mark_of_a_run_stores_file_size_and_verdict(folder: Path, run: str) -> None:
    result = inspect("mark", run, "scratch.png", "reject", "--polygon", OUTLINE, "--kind", "scratch", "--author", "A")
    assert result.exit_code == 0, result.output
    (mark,) = list_marks()
    assert mark["id"] == result.stdout.strip()
    assert mark["image"] == str(folder / "new" / "scratch.png")
    assert (mark["verdict"], mark["kind"], mark["inspected"], mark["size"]) == ("reject", "scratch", "fail", [96, 96])
    assert mark["polygons"][0][0] == [34, 46]


def test_mark_of_a_file_without_a_run_has_the_verdict_of_the_inspector(folder: Path) -> None:
    assert inspect("mark", "disc", "new/fine.png", "accept", "--json").exit_code == 0
    (mark,) = list_marks()
    assert (mark["image"], mark["inspected"], mark["version"]) == (str(folder / "new" / "fine.png"), "pass", 1)
    (version,) = json.loads(inspect("list", "disc", "--json").stdout)
    assert version["threshold"]["rate_observed"] == 0
    assert "confirmed as good, 0.0% had failed" in version["threshold"]["statement"]


def test_mark_twice_is_one_and_undo_withdraws_it(folder: Path, run: str) -> None:
    first, second = (inspect("mark", run, "fine.png", "accept").stdout for _ in range(2))
    assert first == second
    assert len(list_marks()) == 1
    undone = inspect("mark", "disc", "--undo", first.strip())
    assert "is withdrawn" in undone.stderr
    assert list_marks() == []
    assert len(MarkStore(folder / "home").read_history("disc")) == 2
    assert inspect("mark", "disc", "--undo", first.strip()).exit_code == 1


def test_mark_of_a_frame_names_its_seconds_and_is_opened_again(folder: Path) -> None:
    frames = [render_part(60), add_scratch(render_part(62), 48, 36)]
    write(folder / "parts.mp4", Track(steady(1, 2), width=96, height=96, pictures=frames, options={"qp": "4"}))
    run = Path(json.loads(inspect("run", "disc", "parts.mp4", "--json", "--out", "video").stdout)["folder"])
    assert inspect("mark", str(run), "parts.mp4", "reject").exit_code == 1  # two frames have this name
    assert inspect("mark", str(run), "parts.mp4@1", "reject", "--polygon", OUTLINE).exit_code == 0
    (mark,) = list_marks()
    assert mark["image"] == f"{folder / 'parts.mp4'}@1"
    report = Path(inspect("report", str(run)).stdout.strip()).read_text()
    assert "1 of 1, 100.0%" in report
    assert "Of 1 part that was later confirmed as defective, 1 had not passed." in report
    assert Run(run).records[1].verdict == "fail"


def test_teach_from_marks_stores_a_version_and_says_whether_it_is_used(folder: Path) -> None:
    good = [f"good/part-{number:02}.png" for number in range(6)]
    assert inspect("fit", "small", *good, "--size", "64", "--rate", "0.2").exit_code == 0
    for number in range(2):
        save(folder / "bad" / f"{number}.png", add_scratch(render_part(70 + number), 48, 36))
        assert inspect("mark", "small", f"bad/{number}.png", "reject", "--polygon", OUTLINE).exit_code == 0
    result = inspect("mark", "small", "--teach", "--json")
    assert result.exit_code == 0, result.output
    taught = json.loads(result.stdout)
    assert (taught["inspector"], taught["version"]) == ("small", 2)
    assert "Held-out images: 6 good, 2 rejected" in taught["statement"]
    current = 2 if taught["is_current"] else 1
    entries = {entry["name"]: entry for entry in json.loads(inspect("list", "--json").stdout)}
    assert (entries["small"]["versions"], entries["small"]["current"]) == ([1, 2], current)
    assert inspect("use", "small", "1").exit_code == 0
    assert json.loads(inspect("run", "small", "new", "--version", "2", "--json").stdout)["version"] == 2


def test_report_of_a_marked_run_has_measured_false_alarms_and_catches(folder: Path, run: str) -> None:
    inspect("mark", run, "scratch.png", "reject")
    inspect("mark", run, "fine.png", "accept")
    html = Path(inspect("report", run).stdout.strip()).read_text()
    assert "0 of 1, 0.0% (0.0% to 97.5%)" in html
    assert "1 of 1, 100.0% (2.5% to 100.0%)" in html
    assert "<td>reject</td>" in html


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["RUN"], "Name an image and a verdict"),
        (["RUN", "fine.png"], "accept or reject"),
        (["RUN", "none.png", "accept"], "has no image none.png"),
        (["none", "new/fine.png", "accept"], "no run and no inspector none"),
        (["disc", "nowhere.png", "accept"], "nowhere.png"),
        (["RUN", "fine.png", "accept", "--kind", "scratch"], "An accepted part has no defect"),
        (["RUN", "scratch.png", "reject", "--polygon", "1,2 3"], "is no polygon"),
        (["RUN", "scratch.png", "reject", "--polygon", "1,2 3,4"], "at least 3 corners"),
        (["RUN", "scratch.png", "reject", "--polygon", "900,900 910,900 910,910"], "lies outside of the image"),
        (["disc", "--teach"], "no marks to learn from"),
    ],
)
def test_mark_bad_input_is_refused_in_one_sentence_and_stores_nothing(run: str, arguments: list[str], message: str) -> None:
    result = inspect("mark", *(run if argument == "RUN" else argument for argument in arguments))
    assert result.exit_code == 1, result.output
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert list_marks() == []


def test_teach_without_the_good_images_names_what_is_missing(folder: Path) -> None:
    assert inspect("mark", "disc", "new/scratch.png", "reject").exit_code == 0
    path = folder / "home" / "inspectors" / "disc" / "1.good.jsonl"
    path.write_text(path.read_text().replace("part-00.png", "gone.png"))
    result = inspect("mark", "disc", "--teach")
    assert result.exit_code == 1
    assert "1 of 20 good images of the inspector disc are missing" in result.stderr
    assert "gone.png" in result.stderr
    path.unlink()
    assert "Fit it again" in inspect("mark", "disc", "--teach").stderr


def test_mark_of_an_image_of_another_size_is_refused_when_it_is_taught(folder: Path, run: str) -> None:
    assert inspect("mark", run, "scratch.png", "reject", "--polygon", OUTLINE).exit_code == 0
    save(folder / "new" / "scratch.png", np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8))
    result = inspect("mark", "disc", "--teach")
    assert result.exit_code == 1
    assert "was marked with 96 x 96 pixels" in result.stderr
