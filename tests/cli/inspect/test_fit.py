"""`mm inspect fit`: what it says, what it stores, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from mm.cli.inspection.pictures import group_images
from mm.errors import InvalidInput
from mm.inspection.good_list import read_good_list
from mm.inspection.store import InspectorStore
from tests.cli.inspect.parts import NUM_GOOD, inspect, save
from tests.inspection.parts import render_part

pytestmark = pytest.mark.xdist_group("inspect-commands")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MM_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "home"


def test_fit_prints_what_the_threshold_promises(folder: Path) -> None:
    result = inspect("fit", "plate", *sorted((folder / "good").iterdir())[:5], "--size", "64", "--rate", "0.2")
    assert result.exit_code == 0, result.output
    assert "plate\tversion 1\timagenet, 64 px" in result.stdout
    assert "At most 20.0% of good parts of further groups" in result.stdout
    assert "5 held-out good images of 5 groups" in result.stdout
    assert "95 % interval" in result.stdout


def test_fit_again_stores_the_next_version_with_its_list_of_images(folder: Path) -> None:
    result = inspect("fit", "disc", "good/part-00.png", "good/part-01.png", "good/part-00.png", "--size", "64", "--json")
    document = json.loads(result.stdout)
    assert (document["version"], document["threshold"]["num_good"]) == (2, 2)
    assert InspectorStore(folder / "home").get("disc").versions == (1, 2)
    assert [len(read_good_list(folder / "home", "disc", version)) for version in (1, 2)] == [NUM_GOOD, 2]


def test_fit_one_picture_is_accepted_and_says_that_every_verdict_is_undecided(home: Path, tmp_path: Path) -> None:
    save(tmp_path / "one.png", render_part(0))
    fitted = inspect("fit", "one", "one.png", "--size", "64")
    assert fitted.exit_code == 0, fitted.output
    assert "every verdict is undecided" in fitted.stdout
    run = inspect("run", "one", "one.png")
    assert run.exit_code == 4
    assert run.stdout.startswith("undecided\t")


def test_fit_eight_pictures_says_that_the_rate_cannot_be_promised(folder: Path) -> None:
    result = inspect("fit", "few", *sorted((folder / "good").iterdir())[:8], "--size", "64")
    assert result.exit_code == 0
    assert "cannot be promised by 8 held-out good images of 8 groups: the smallest is 11.1%" in result.stdout
    assert "needs 19 groups" in result.stdout


def test_fit_chooses_settings_that_are_stored(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mm.cli.inspection.fitting.CHOICES", (("imagenet", 96),))
    result = inspect("fit", "chosen", *sorted((folder / "good").iterdir())[:3], "--size", "64", "--choose", "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["settings"]["framing"]["longest"] in {64, 96}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["missing"], "missing does not exist"),
        (["empty"], "There are no images in empty"),
        (["black.png"], "single colour"),
        (["broken.png", "fine.png"], "broken.png"),
        (["tall.png"], "too narrow"),
        (["fine.png", "--group-by", "colour"], "there is no file colour"),
        (["fine.png", "--rate", "1.5"], "between 0 and 1"),
        (["fine.png", "--backbone", "resnet"], "no inspection backbone 'resnet'"),
        (["fine.png", "--choose"], "at least two groups"),
        (["speech.wav"], "speech.wav"),
    ],
)
def test_fit_bad_input_is_refused_in_one_sentence_and_stores_nothing(
    home: Path, tmp_path: Path, arguments: list[str], message: str
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "notes.txt").write_text("no image")
    save(tmp_path / "black.png", np.zeros((64, 64, 3), np.uint8))
    save(tmp_path / "fine.png", render_part(0))
    save(tmp_path / "tall.png", np.random.default_rng(0).integers(0, 255, (600, 20, 3), np.uint8))
    (tmp_path / "broken.png").write_bytes((tmp_path / "fine.png").read_bytes()[:400])
    (tmp_path / "speech.wav").write_bytes(b"RIFF\x24\x00\x00\x00WAVEfmt ")
    result = inspect("fit", "disc", *arguments, "--size", "64")
    assert result.exit_code == 1, result.output
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert not InspectorStore(home).list_all()


def test_fit_name_that_is_no_file_name_is_refused(home: Path, tmp_path: Path) -> None:
    save(tmp_path / "fine.png", render_part(0))
    result = inspect("fit", "../disc", "fine.png", "--size", "64")
    assert result.exit_code == 1
    assert "name of an inspector" in result.stderr


def test_fit_mixed_sizes_and_channels_are_one_inspector(home: Path, tmp_path: Path) -> None:
    save(tmp_path / "in" / "a.png", render_part(0))
    save(tmp_path / "in" / "b.png", render_part(1, 128))
    save(tmp_path / "in" / "c.png", render_part(2)[..., 0])
    save(tmp_path / "in" / "d.png", np.dstack([render_part(3), np.full((96, 96), 255, np.uint8)]))
    result = inspect("fit", "mixed", "in", "--size", "64", "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["threshold"]["num_good"] == 4


@pytest.mark.parametrize(
    ("group_by", "groups"),
    [
        ("none", [["a/p1_x.png"], ["a/p1_y.png"], ["b/p1_x.png"], ["b/lone.png"]]),
        ("folder", [["a/p1_x.png", "a/p1_y.png"], ["b/p1_x.png", "b/lone.png"]]),
        ("prefix", [["a/p1_x.png", "a/p1_y.png"], ["b/p1_x.png"], ["b/lone.png"]]),
    ],
)
def test_groups_of_pictures_follow_their_names(tmp_path: Path, group_by: str, groups: list[list[str]]) -> None:
    paths = [tmp_path / name for name in ("a/p1_x.png", "a/p1_y.png", "b/p1_x.png", "b/lone.png")]
    found: dict[str, list[str]] = {}
    for image in group_images(paths, group_by):
        found.setdefault(image.group, []).append(str(Path(str(image.image)).relative_to(tmp_path)))
    assert list(found.values()) == groups


def test_groups_of_a_table_are_looked_up_by_path_and_name(tmp_path: Path) -> None:
    table = tmp_path / "groups.csv"
    table.write_text(f"a.png,batch 1\n{tmp_path / 'b.png'},batch 1\nc.png,batch 2\n")
    images = group_images([tmp_path / name for name in ("a.png", "b.png", "c.png")], str(table))
    assert [image.group for image in images] == ["batch 1", "batch 1", "batch 2"]


@pytest.mark.parametrize(
    ("text", "message"), [("b.png,1\n", "no group for"), ("a.png\n", "two columns"), ("a.png,1\na.png,2\n", "has two groups")]
)
def test_groups_of_a_wrong_table_are_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "groups.csv").write_text(text)
    with pytest.raises(InvalidInput, match=message):
        group_images([tmp_path / "a.png"], str(tmp_path / "groups.csv"))
