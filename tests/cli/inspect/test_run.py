"""`mm inspect run`, `list`, `use` and `rm`."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from mm.inspection.runs import Run
from mm.media import MediaReader
from mm.metrology import Scale
from mm.metrology.store import ScaleStore
from tests.cli.inspect.parts import inspect, save
from tests.inspection.parts import add_scratch, render_part
from tests.media_files import Track, steady, write

pytestmark = pytest.mark.xdist_group("inspect-commands")


def run_json(*arguments: str | Path) -> dict:
    return json.loads(inspect("run", "disc", *arguments, "--json").stdout)


def test_run_prints_the_images_by_p_value_and_exits_with_3_when_a_part_failed(folder: Path) -> None:
    result = inspect("run", "disc", "new")
    assert result.exit_code == 3, result.output
    rows = [line.split("\t") for line in result.stdout.splitlines()]
    assert [(row[0], row[3]) for row in rows] == [("fail", "scratch.png"), ("pass", "fine.png")]
    assert rows[0][6].endswith("px (k = 2) long")
    assert "1 pass, 1 fail, 0 undecided" in result.stderr


def test_run_of_good_parts_exits_with_0(folder: Path) -> None:
    assert inspect("run", "disc", "new/fine.png").exit_code == 0


def test_run_at_an_unreachable_rate_is_undecided_and_exits_with_4(folder: Path) -> None:
    result = inspect("run", "disc", "new", "--rate", "0.01")
    assert result.exit_code == 4
    assert result.stdout.startswith("undecided\t")
    assert "that needs 99 groups" in result.stderr


def test_run_with_a_scale_prints_millimetres_and_names_the_scale(folder: Path) -> None:
    ScaleStore(folder / "home").add("camera", Scale(0.05, 0.0001, None, "length"))
    document = run_json("new/scratch.png", "--scale", "camera")
    (record,) = document["records"]
    length = record["regions"][0]["measures"]["length"]
    assert (record["scale"], length["unit"], length["k"]) == ("camera", "mm", 2.0)
    assert length["value"] == pytest.approx(1.49, abs=0.06)
    assert length["expanded"] < 0.1


def test_run_with_a_scale_for_another_part_of_the_image_says_so(folder: Path) -> None:
    ScaleStore(folder / "home").add("corner", Scale(0.05, 0.0001, ((0, 0), (5, 0), (5, 5)), "length"))
    result = inspect("run", "disc", "new/scratch.png", "--scale", "corner")
    assert result.exit_code == 3
    assert "outside the area in which the scale holds" in result.stdout


def test_run_writes_records_images_and_heat_maps_that_can_be_opened(folder: Path) -> None:
    document = run_json("new", "--out", "runs/first")
    run = Run(folder / "runs" / "first")
    assert run.info.is_complete
    assert sorted(record.image for record in run.records) == ["new/fine.png", "new/scratch.png"]
    assert [record.model_dump(mode="json") for record in sorted(run.records, key=lambda record: record.p_value)] == document[
        "records"
    ]
    scratched = next(record for record in run.records if record.verdict == "fail")
    heat = run.open_heat(scratched)
    assert heat.shape == (scratched.height, scratched.width)
    row, column = np.unravel_index(heat.argmax(), heat.shape)
    assert 36 <= column <= 64
    assert 44 <= row <= 64
    with MediaReader() as reader:
        assert np.array_equal(run.open_image(scratched, reader), add_scratch(render_part(51), 48, 36))


def test_run_of_a_video_inspects_sampled_frames_with_their_times(folder: Path) -> None:
    frames = [render_part(60), render_part(61), add_scratch(render_part(62), 48, 36), render_part(63)]
    write(folder / "parts.mp4", Track(steady(1, 4), width=96, height=96, pictures=frames, options={"qp": "4"}))
    document = run_json("parts.mp4", "--fps", "1")
    times = {record["start"]: record["verdict"] for record in document["records"]}
    assert sorted(times) == [0.0, 1.0, 2.0, 3.0]
    assert times[2.0] == "fail"
    run = Run(Path(document["folder"]))
    worst = next(record for record in run.records if record.start == 2.0)
    assert worst.end == 3.0
    with MediaReader() as reader:
        assert run.open_image(worst, reader).shape == (96, 96, 3)


def test_run_with_a_damaged_file_inspects_the_others_and_exits_with_1(folder: Path) -> None:
    (folder / "new" / "broken.png").write_bytes((folder / "new" / "fine.png").read_bytes()[:400])
    result = inspect("run", "disc", "new", "--out", "out")
    assert result.exit_code == 1
    assert len(result.stdout.splitlines()) == 2
    assert "broken.png" in result.stderr
    assert [failure.image for failure in Run(folder / "out").info.failures] == ["new/broken.png"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none", "new"], "There is no inspector none"),
        (["disc", "nowhere"], "nowhere does not exist"),
        (["disc", "home"], "There are no images in home"),
        (["disc", "new", "--scale", "camera"], "No scale is named 'camera'"),
        (["disc", "new", "--version", "7"], "has no version 7"),
        (["disc", "new", "--rate", "0"], "between 0 and 1"),
        (["disc", "new", "--out", "good"], "exists and is not empty"),
    ],
)
def test_run_bad_input_is_refused_in_one_sentence(folder: Path, arguments: list[str], message: str) -> None:
    result = inspect("run", *arguments)
    assert result.exit_code == 1, result.output
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert not list((folder / "home").glob("inspections/*"))


def test_run_with_a_damaged_inspector_is_refused(folder: Path) -> None:
    path = folder / "home" / "inspectors" / "disc" / "1.inspector"
    path.write_bytes(path.read_bytes()[:200])
    result = inspect("run", "disc", "new")
    assert result.exit_code == 1
    assert "is no inspector" in result.stderr


def test_run_with_an_inspector_of_other_weights_is_refused(folder: Path) -> None:
    path = folder / "home" / "inspectors" / "disc" / "1.inspector"
    name = b'backbone_digest\\": \\"'
    data = path.read_bytes()
    place = data.index(name) + len(name)
    path.write_bytes(data[:place] + b"x" + data[place + 1 :])
    result = inspect("run", "disc", "new")
    assert result.exit_code == 1
    assert "other weights of the backbone 'imagenet'" in result.stderr


def test_run_of_an_image_that_is_too_narrow_is_an_error_of_that_image(folder: Path) -> None:
    save(folder / "new" / "narrow.png", np.random.default_rng(0).integers(0, 255, (600, 20, 3), np.uint8))
    result = inspect("run", "disc", "new")
    assert result.exit_code == 1
    assert "narrow.png" in result.stderr
    assert "too narrow" in result.stderr


def test_list_shows_inspectors_versions_and_runs(folder: Path) -> None:
    inspect("run", "disc", "new")
    assert inspect("list").stdout == "disc\t1\t1\n"
    assert inspect("list", "disc").stdout.startswith("1\tcurrent\tAt most 5.0% of good parts")
    (run,) = json.loads(inspect("list", "--runs", "--json").stdout)
    assert run["inspector"] == "disc"
    assert inspect("list", "--runs").stdout.startswith(run["id"])
    assert inspect("list", "none").exit_code == 1


def test_list_shows_a_damaged_version_beside_the_others(folder: Path) -> None:
    (folder / "home" / "inspectors" / "disc" / "2.inspector").write_bytes(b"damaged")
    result = inspect("list", "disc")
    assert result.exit_code == 0
    assert [line.split("\t")[:2] for line in result.stdout.splitlines()] == [["1", "current"], ["2", ""]]


def test_use_puts_an_earlier_version_back(folder: Path) -> None:
    inspect("fit", "disc", "good/part-00.png", "good/part-01.png", "--size", "64")
    assert run_json("new/fine.png")["version"] == 2
    result = inspect("use", "disc", "1")
    assert (result.exit_code, run_json("new/fine.png")["version"]) == (0, 1)
    assert "uses version 1 instead of 2" in result.stderr
    assert inspect("use", "disc", "9").exit_code == 1


def test_rm_asks_and_deletes_only_what_was_confirmed(folder: Path) -> None:
    run = run_json("new")["run"]
    assert inspect("rm", "disc").exit_code == 1  # no input
    assert inspect("list").stdout == "disc\t1\t1\n"
    assert inspect("rm", "disc", "--yes").exit_code == 0
    assert inspect("list").stdout == ""
    assert Run(folder / "home" / "inspections" / run).records
    assert inspect("rm", run, "--run", "--yes").exit_code == 0
    assert inspect("list", "--runs").stdout == ""
    assert (folder / "new" / "fine.png").is_file()
    for arguments in (["disc"], [run, "--run"], ["../home", "--run"]):
        assert inspect("rm", *arguments, "--yes").exit_code == 1
