"""The simulated ActivityNet: plan, files, resumption, and what it says of itself."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from mm.data.activitynet.classes import list_classes
from mm.data.activitynet.layout import read
from mm.data.activitynet.simulation.build import DATABASE, SimulationRequest, build_simulated_set
from mm.data.activitynet.simulation.plan import PlannedVideo, draw_videos
from mm.data.activitynet.simulation.sources import draw_generated
from mm.data.sets.catalog import check_set, describe_set
from mm.data.sets.types import list_errors
from mm.errors import Conflict, InvalidInput
from mm.media import MediaReader
from mm.settings import Settings
from mm.spaces.encode.actions import ACTIVITYNET, read_action_names

REQUEST = SimulationRequest(num_videos=9, minutes=0.15, seed=3, side=32)


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MediaReader]:
    with MediaReader.from_settings(Settings(home=tmp_path_factory.mktemp("home"))) as reader:
        yield reader


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, reader: MediaReader) -> tuple[Path, list[PlannedVideo]]:
    out = tmp_path_factory.mktemp("set") / "simulated"
    return out, build_simulated_set(REQUEST, out, reader)


def test_classes_are_the_200_of_activitynet() -> None:
    assert list_classes() == sorted(read_action_names(ACTIVITYNET))


@pytest.mark.parametrize("seed", range(20))
def test_draw_videos_tiles_each_video_with_scenes_and_activities(seed: int) -> None:
    videos = draw_videos(seed, 30, 600.0, ["Archery", "Surfing"], draw_generated(seed, 2))
    assert videos[0].duration == pytest.approx(600.0)
    for video in videos:
        assert video.scenes[0].start == 0
        assert all(left.end == right.start for left, right in pairwise(video.scenes))
        assert video.duration >= 5.0
        assert video.activities
        assert all(0 <= start < end <= video.duration for start, end in video.activities)
        assert video.sentences
        assert len({moment.text for moment in video.sentences}) == len(video.sentences)
        assert all(moment.end > moment.start for moment in (*video.sentences, *video.other_sentences))
    for subset in ("training", "validation", "testing"):
        assert any(video.is_missing for video in videos if video.subset == subset)
    assert sum(video.is_damaged for video in videos) == 1


def test_simulated_set_is_read_as_activitynet_and_marked(built: tuple[Path, list[PlannedVideo]]) -> None:
    out, videos = built
    assert not list_errors(check_set(describe_set("activitynet"), out, "validation"))
    data = read(out, "validation")
    planned = [video for video in videos if video.subset == "validation"]
    assert data.is_simulated
    assert len(data.labels) == 200
    assert [item.id for item in data.items] == [f"v_{video.id}" for video in planned]
    assert list(data.missing) == [f"v_{video.id}" for video in planned if video.is_missing]
    assert data.items[0].labels == (planned[0].label,)
    assert data.items[0].more_references
    content = json.loads((out / DATABASE).read_text())
    assert "simulated" in content
    assert "simulated" in content["version"]
    assert "No number on them" in (out / "SIMULATED.md").read_text()
    assert all("simulated" in path.name for path in out.rglob("*.mp4"))


def test_simulated_videos_have_their_planned_duration_and_tones(built: tuple[Path, list[PlannedVideo]]) -> None:
    out, videos = built
    for path in out.rglob("*.mp4"):
        (video,) = (video for video in videos if f"v_{video.id}" == path.stem)
        with av.open(str(path)) as file:
            assert file.streams.audio
            assert file.streams.video[0].frames == round(video.duration * 8)


def test_build_continues_a_stopped_build_with_the_same_bytes(
    tmp_path: Path, reader: MediaReader, built: tuple[Path, list[PlannedVideo]]
) -> None:
    def stop(line: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build_simulated_set(REQUEST, tmp_path, reader, stop)
    assert list_errors(check_set(describe_set("activitynet"), tmp_path, "train"))  # no annotations yet
    (first,) = tmp_path.rglob("*.mp4")
    written = first.stat().st_mtime_ns
    build_simulated_set(REQUEST, tmp_path, reader)
    assert first.stat().st_mtime_ns == written
    files = sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file())
    assert files == sorted(path.relative_to(built[0]) for path in built[0].rglob("*") if path.is_file())
    assert all((tmp_path / path).read_bytes() == (built[0] / path).read_bytes() for path in files)


def test_build_refuses_another_request_and_a_folder_in_use(
    tmp_path: Path, reader: MediaReader, built: tuple[Path, list[PlannedVideo]]
) -> None:
    with pytest.raises(Conflict, match="is of another request"):
        build_simulated_set(SimulationRequest(9, 0.15, 4, side=32), built[0], reader)
    (tmp_path / "letter.txt").write_text("x")
    with pytest.raises(Conflict, match="holds other files"):
        build_simulated_set(REQUEST, tmp_path, reader)
    with pytest.raises(InvalidInput, match="up to 30 minutes"):
        build_simulated_set(SimulationRequest(9, 31), tmp_path / "new", reader)


def test_build_shows_photos_and_labelled_clips_of_folders(
    tmp_path: Path, reader: MediaReader, built: tuple[Path, list[PlannedVideo]]
) -> None:
    photos, clips = tmp_path / "photos", tmp_path / "clips"
    (photos / "images").mkdir(parents=True)
    rows = []
    for number, split in enumerate(["train"] * 6 + ["dev"] * 6):
        Image.fromarray(np.full((40, 60, 3), 20 * number, np.uint8)).save(photos / "images" / f"{number}.png")
        rows.append({"image": f"{number}.png", "captions": [f"Grey {number}.", f"A grey {number}."], "split": split})
    (photos / "captions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    clips.mkdir()
    source = next(built[0].rglob("train/*.mp4"))
    (clips / "damaged.mp4").write_bytes(source.read_bytes()[:2000])
    listed = [{"file": "damaged.mp4", "label": "fight", "split": "train"}]
    for split in ("train", "dev"):
        for label in ("fight", "no_fight"):
            (clips / f"{split}-{label}.mp4").write_bytes(source.read_bytes())
            listed.append({"file": f"{split}-{label}.mp4", "label": label, "split": split})
    (clips / "manifest.jsonl").write_text("".join(json.dumps(row) + "\n" for row in listed))
    lines: list[str] = []
    request = SimulationRequest(4, 0.15, 0, (str(photos), str(clips)), 32)
    videos = build_simulated_set(request, tmp_path / "set", reader, lines.append)
    assert any(line.startswith("damaged.mp4 is left out") for line in lines)
    shown = {scene.source.name for video in videos for scene in video.scenes}
    assert any(name.endswith(".png") for name in shown)
    assert any(name.endswith(".mp4") for name in shown)
    training = {scene.source.name for video in videos if video.subset == "training" for scene in video.scenes}
    assert not any(name.startswith("dev") or name in {f"{n}.png" for n in range(6, 12)} for name in training)
    assert read(tmp_path / "set", "train").is_simulated


def test_build_refuses_a_source_without_a_list(tmp_path: Path, reader: MediaReader) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InvalidInput, match=r"neither captions\.jsonl nor manifest\.jsonl"):
        build_simulated_set(SimulationRequest(3, 0.1, 0, (str(tmp_path / "empty"),), 32), tmp_path / "set", reader)
