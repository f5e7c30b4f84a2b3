"""The action head: training, invalid input, and the command `mm actions`."""

from __future__ import annotations

import io
import json
from pathlib import Path

import av
import numpy as np
import pytest
from click.testing import CliRunner
from sklearn.metrics import roc_auc_score

from mm.cli.main import main
from mm.errors import Corrupt, InvalidInput
from mm.models.image.sample_photos import load_sample_photos
from mm.models.temporal.action_head import ActionHead
from mm.spaces.encode.actions import ACTIVITYNET, read_action_names
from mm.training.actions.train import Clip, assign_folds, auc_interval, fit_head, read_clips
from tests.graphs import with_graphs


def clip(seed: int, *, shaking: bool, seconds: float = 2.0) -> bytes:
    """A video of an image that moves slowly, or erratically."""
    random = np.random.default_rng(seed)
    picture = load_sample_photos()[seed % 4][:256, :256]
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as output:
        stream = output.add_stream("libx264", rate=12, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = 128, 96, "yuv420p"
        for index in range(int(12 * seconds)):
            top, left = random.integers(0, 100, 2) if shaking else (index, index)
            view = np.ascontiguousarray(picture[top : top + 96, left : left + 128])
            output.mux(stream.encode(av.VideoFrame.from_ndarray(view, format="rgb24")))
        output.mux(stream.encode(None))
    return file.getvalue()


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clips")
    rows = []
    for number in range(16):
        label, split = ("fight" if number % 2 else "no_fight"), ("train" if number < 10 else "dev")
        (folder / f"{number}.mp4").write_bytes(clip(number, shaking=number % 2 == 1))
        rows.append({"file": f"{number}.mp4", "label": label, "group": f"g{number}", "split": split})
    (folder / "broken.mp4").write_bytes(b"not a video")
    rows.append({"file": "broken.mp4", "label": "fight", "group": "b", "split": "train"})
    (folder / "manifest.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def run(*arguments: str | Path) -> list[dict[str, object]]:
    result = CliRunner().invoke(main, [*map(str, arguments), "--json"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_train_actions_command_trains_a_head_that_classifies_other_clips(
    clips: Path, graphs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MM_HOME", str(with_graphs(tmp_path / "home", graphs)))
    out = tmp_path / "out"
    (trained,) = run("train", "actions", "--data", clips, "--out", out)
    head = ActionHead.read(Path(str(trained["head"])))
    assert head.labels == ("fight", "no fight")
    assert head.space == "lite@1"
    card = (out / "ACTIONS.md").read_text()
    assert "10 clips" in card, "the broken one is left out"
    assert "| fight | 3 | 1.000 |" in card
    before = (out / "actions.safetensors").read_bytes()
    run("train", "actions", "--data", clips, "--out", out)
    assert (out / "actions.safetensors").read_bytes() == before, "from what was seen before"
    shaken, calm = (run("actions", clips / f"{number}.mp4", "--head", trained["head"])[0]["actions"] for number in (11, 12))
    assert isinstance(shaken, dict)
    assert isinstance(calm, dict)
    assert shaken["fight"] > 0.5 > calm["fight"]
    assert shaken["fight"] + shaken["no fight"] == pytest.approx(1, abs=0.05)
    (record,) = run("eval", "fight-clips", "--root", clips)
    values = {measure["name"]: measure["value"] for measure in record["measures"]}  # type: ignore[attr-defined]
    assert values["mean difference of frames alone"] == 1
    assert values["the head: those and the temporal network"] == 1


def test_actions_command_classifies_scenes_by_names(
    clips: Path, graphs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MM_HOME", str(with_graphs(tmp_path / "home", graphs)))
    names = tmp_path / "names.txt"
    names.write_text("# mine\nCat\ta cat looks into the camera\nmotorcycle in a garage\n")
    (scene,) = run("actions", clips / "1.mp4", "--names", names)
    assert isinstance(scene["actions"], dict)
    assert list(scene["actions"]) == ["Cat", "motorcycle in a garage"]
    assert sum(scene["actions"].values()) == pytest.approx(1, abs=1e-4)
    assert (scene["start"], scene["end"]) == (0.0, pytest.approx(2.0, abs=0.1))
    result = CliRunner().invoke(main, ["actions", str(clips / "1.mp4")], catch_exceptions=False)
    assert result.output.count("%") == 3
    for arguments, wrong in (
        (["--names", str(names), "--head", str(names)], "--names and --head cannot be combined"),
        (["--head", str(names)], "action head"),
    ):
        result = CliRunner().invoke(main, ["actions", str(clips / "1.mp4"), *arguments])
        assert result.exit_code != 0
        assert wrong in result.output


def test_read_action_names_of_activitynet_gives_two_hundred() -> None:
    names = read_action_names(ACTIVITYNET)
    assert len(names) == 200
    assert names["Archery"] == "archery"
    assert names["Playing flauta"] == "playing the flute"


def test_read_names_and_read_clips_of_invalid_files_raise_invalid_input(tmp_path: Path) -> None:
    names = tmp_path / "names.txt"
    for text in ("", "# only a note\n", "one\none\n"):
        names.write_text(text)
        with pytest.raises(InvalidInput, match="names of actions"):
            read_action_names(names)
    (tmp_path / "manifest.jsonl").write_text(json.dumps({"file": "a", "label": "x", "group": "g", "split": "train"}) + "\n")
    with pytest.raises(InvalidInput, match="two labels"):
        read_clips(tmp_path, "train")
    (tmp_path / "manifest.jsonl").write_text(json.dumps({"file": "a", "split": "train"}) + "\n")
    with pytest.raises(InvalidInput, match="'label'"):
        read_clips(tmp_path, "train")


def test_action_head_reads_its_own_file_and_refuses_others(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    rows = random.normal(size=(40, 6))
    clips = [Clip(Path("x"), "far" if row[0] + row[1] > 0 else "near", f"g{number}") for number, row in enumerate(rows)]
    head, _ = fit_head(rows, clips, "lite@1")
    path = tmp_path / "head.safetensors"
    path.write_bytes(head.to_bytes())
    back = ActionHead.read(path)
    probabilities = np.stack([back.predict_probabilities(row.astype(np.float32)) for row in rows])
    assert ((probabilities[:, 0] > 0.5) == [clip.label == "far" for clip in clips]).mean() > 0.9
    with pytest.raises(InvalidInput, match="6 features"):
        back.predict_probabilities(np.zeros(5, np.float32))
    for spoilt in (head.to_bytes()[:-9], b""):
        path.write_bytes(spoilt)
        with pytest.raises(Corrupt):
            ActionHead.read(path)


def test_assign_folds_keeps_groups_together() -> None:
    groups = [f"g{number % 7}" for number in range(50)]
    fold = assign_folds(groups)
    assert len(set(fold)) == 5
    assert all(len({fold[n] for n in range(50) if groups[n] == group}) == 1 for group in groups)


def test_auc_interval_contains_the_auc() -> None:
    random = np.random.default_rng(0)
    right = random.random(60) < 0.5
    scores = right + random.normal(size=60)
    interval = auc_interval(scores, right, [str(number // 2) for number in range(60)])
    assert interval.value == pytest.approx(roc_auc_score(right, scores))
    assert interval.low < interval.value < interval.high
