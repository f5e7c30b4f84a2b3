"""The reader of ActivityNet: layouts, missing videos, and faults of the annotations."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mm.data.activitynet.layout import read
from mm.data.sets.catalog import check_set, describe_set, list_sets, read_set
from mm.data.sets.types import Moment, SetItem, list_errors
from mm.errors import InvalidInput
from tests.data.activitynet.folders import DATABASE, write_annotations, write_videos

ACTIVITYNET = describe_set("activitynet")


def test_activitynet_is_listed_with_its_tasks() -> None:
    assert ACTIVITYNET in list_sets()
    assert ACTIVITYNET.tasks[0] == "recognition"


@pytest.mark.parametrize(
    ("annotations", "captions", "videos"),
    [
        (".", ".", ("v_bbb.mp4", "v_aaa.mkv")),
        (".", "captions", ("train/v_aaa.mp4", "val/v_bbb.webm")),
        ("annotations", "annotations", ("v1-2/train/v_aaa.mp4", "v1-2/val/v_bbb.mp4", "v1-3/train_val/v_zzz.mp4")),
        ("Evaluation/data", "captions", ("videos/aaa.mp4", "videos/bbb.MP4")),
    ],
    ids=["flat", "split folders", "releases", "names without v_"],
)
def test_read_accepts_each_layout(tmp_path: Path, annotations: str, captions: str, videos: tuple[str, ...]) -> None:
    write_annotations(tmp_path / annotations, tmp_path / captions)
    write_videos(tmp_path, videos)
    validation, train = (read_set(ACTIVITYNET, tmp_path, split) for split in ("validation", "train"))
    assert [item.id for item in train.present] == ["v_aaa"]
    assert [item.id for item in validation.present] == ["v_bbb"]
    assert validation.missing == ("v_ccc", "v_eee")
    assert validation.labels == ("Archery", "Ironing", "Surfing")
    assert validation.parents["Surfing"] == "Sports"
    assert validation.parents["Sports"] == "Root"
    assert not validation.is_simulated


def test_read_gives_activities_sentences_and_the_other_annotator(tmp_path: Path) -> None:
    write_annotations(tmp_path)
    write_videos(tmp_path, ("v_bbb.mp4",))
    (item,) = read_set(ACTIVITYNET, tmp_path, "validation").present
    assert item.moments == (
        Moment(2.0, 9.0, label="Surfing"), Moment(0.0, 8.5, text="A wave rolls in."), Moment(8.0, 20.0, text="A man surfs."),
    )  # fmt: skip
    assert item.texts == ("A wave rolls in. A man surfs.",)
    assert item.more_references == ((Moment(0.0, 20.0, text="Someone rides a wave."),),)
    (other,) = read_set(ACTIVITYNET, tmp_path, "val_2").present
    assert other.texts == ("Someone rides a wave.",)
    assert other.labels == ("Surfing",)
    (train,) = (item for item in read_set_without_videos(tmp_path, "train") if item.id == "v_aaa")
    assert train.moments[1].end == 10.0  # inside the video


def read_set_without_videos(root: Path, split: str) -> tuple[SetItem, ...]:
    """Items of a folder that has none of the videos of the split."""
    return read(root, split).items


def test_read_of_the_test_split_has_no_annotations(tmp_path: Path) -> None:
    write_annotations(tmp_path)
    write_videos(tmp_path, ("v_ddd.mp4",))
    (item,) = read_set(ACTIVITYNET, tmp_path, "test").present
    assert (item.labels, item.texts, item.moments) == ((), (), ())


def test_check_names_missing_repeated_and_partial_videos(tmp_path: Path) -> None:
    write_annotations(tmp_path)
    write_videos(tmp_path, ("train/v_bbb.mp4", "val/v_bbb.mkv", "val/v_ccc.mp4.part"))
    (tmp_path / "val" / "v_eee.mp4").touch()
    problems = check_set(ACTIVITYNET, tmp_path, "validation")
    texts = "\n".join(map(str, problems))
    assert not list_errors(problems)
    assert "2 of 3 videos of the split 'validation' are missing, among them v_ccc, v_eee" in texts
    assert "2 downloads did not end, and are not read: val/v_ccc.mp4.part, val/v_eee.mp4" in texts
    assert "1 files have the id of another, and are not read: val/v_bbb.mkv" in texts
    assert "1 segments do not end after their start" in texts


def test_check_without_captions_says_what_can_be_measured(tmp_path: Path) -> None:
    write_annotations(tmp_path)
    (tmp_path / "val_1.json").unlink()
    problems = check_set(ACTIVITYNET, tmp_path, "validation")
    assert not list_errors(problems)
    assert any("there is no val_1.json" in str(problem) for problem in problems)


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        (DATABASE, '{"database": {\n "aaa": {,}}}', "line 2, column 10: this is not JSON"),
        (DATABASE, '{"database": {"a": {}, "a": {}}}', "the key 'a' occurs twice"),
        (DATABASE, '{"results": {}}', "there is no object 'database'"),
        (DATABASE, '{"database": {"aaa": {"subset": "training"}}}', "the entry 'aaa'"),
        (DATABASE, '{"database": {"aaa": {"subset": "dev", "duration": 3}}}', "has the subset 'dev'"),
        (DATABASE, '{"database": {}, "taxonomy": [{"parentName": "x"}]}', "a node of taxonomy"),
        (DATABASE, b'{"database": "\xff"}', "byte 14: this is not UTF-8"),
        ("val_1.json", '{"v_bbb": {"duration": 3, "timestamps": [[0, 1]], "sentences": []}}', "1 timestamps and 0 sentences"),
        ("val_1.json", '{"v_bbb": {"duration": 3, "timestamps": [[0]], "sentences": ["x"]}}', "the entry 'v_bbb'"),
        ("val_1.json", "[]", "does not begin with a JSON object"),
    ],
)
def test_check_names_the_place_of_a_fault(tmp_path: Path, file: str, content: str | bytes, message: str) -> None:
    write_annotations(tmp_path)
    (tmp_path / file).write_bytes(content if isinstance(content, bytes) else content.encode())
    errors = list_errors(check_set(ACTIVITYNET, tmp_path, "validation"))
    assert len(errors) == 1
    assert message in str(errors[0])
    assert file in str(errors[0])
    with pytest.raises(InvalidInput, match="cannot be read as activitynet"):
        read_set(ACTIVITYNET, tmp_path, "validation")


def test_check_refuses_no_and_several_databases(tmp_path: Path) -> None:
    assert "there is no activity_net.v1-3.min.json" in str(check_set(ACTIVITYNET, tmp_path, "train")[0])
    write_annotations(tmp_path)
    (tmp_path / "activity_net.v1-2.min.json").write_text(json.dumps({"database": {}}))
    assert "several databases: activity_net.v1-2.min.json, " in str(check_set(ACTIVITYNET, tmp_path, "train")[0])
