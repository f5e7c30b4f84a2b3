"""The temporal recipe on coloured images: training, resuming, and evaluation on rendered videos."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import tempfile
from dataclasses import replace
from functools import cache
from pathlib import Path

import av
import numpy as np
import pytest
from click.testing import CliRunner

from mm.cli.main import main
from mm.data.footage import list_clips
from mm.data.spliced_videos import draw_spliced_video
from mm.errors import Corrupt, InvalidInput
from mm.models.image.tower import ImageTower
from mm.models.temporal.config import TemporalConfig
from mm.models.temporal.weights import read_temporal
from mm.spaces.registry import WEIGHTS
from mm.training.temporal import run
from mm.training.temporal.recipe import TemporalRecipe
from mm.training.temporal.sequences import STATIC_SECONDS, draw_sample_times
from mm.training.temporal.train import train_temporal

pytestmark = [pytest.mark.usefixtures("one_thread"), pytest.mark.xdist_group("temporal")]

TINY = TemporalConfig(width=16, heads=1, layers=1, hidden=16, num_global=2)
KILLED = """
import os, signal, sys
from pathlib import Path
from tests.training.test_temporal import recipe_for
from tests.training.test_temporal import tower
from mm.training.temporal.train import train_temporal

def kill(line):
    if line.startswith("step 2"):
        os.kill(os.getpid(), signal.SIGKILL)

train_temporal(recipe_for(*map(Path, sys.argv[1:])), tower(), kill)
"""


def recipe_for(data: Path, clip_sets: Path, out: Path) -> TemporalRecipe:
    return TemporalRecipe(
        data, out, (clip_sets,), network=TINY, max_images=12, seeds=(0, 1), steps=4, batch=2, seconds=30.0, save_every=1
    )


@cache
def tower() -> ImageTower:
    return ImageTower(WEIGHTS / "lite" / "image.safetensors", Path(tempfile.mkdtemp()))


@pytest.fixture(scope="module")
def clip_sets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four clips and an invalid file; three rows are without a split."""
    folder = tmp_path_factory.mktemp("clips")
    rows = []
    for number, split in enumerate(("train", "dev", "all", "all", "all")):
        path = folder / f"{number}.mp4"
        path.write_bytes(clip(number) if number < 4 else b"not a video")
        rows.append({"file": path.name, "split": split, "group": f"g{number}"})
    (folder / "manifest.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def clip(seed: int) -> bytes:
    random = np.random.default_rng(seed)
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as output:
        stream = output.add_stream("libx264", rate=8, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        picture = np.kron(random.integers(0, 255, (4, 6, 3), np.uint8), np.ones((16, 16, 1), np.uint8))
        for index in range(24):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(np.roll(picture, 3 * index, axis=1)), format="rgb24")
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return file.getvalue()


@pytest.fixture(scope="module")
def finished(captioned_folder: Path, clip_sets: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    lines: list[str] = []
    return train_temporal(
        recipe_for(captioned_folder, clip_sets, tmp_path_factory.mktemp("temporal")), tower(), lines.append
    ), lines


def test_train_temporal_writes_weights_and_card(finished: tuple[Path, list[str]]) -> None:
    path, lines = finished
    config, _ = read_temporal(path)
    assert replace(config, shot_threshold=0.5, scene_threshold=0.5) == TINY
    card = (path.parent / "TEMPORAL.md").read_text()
    assert "| seed 1 |" in card
    assert "from 12 images" in card
    assert "and 2 clips" in card, "the broken one is left out"
    assert any(line.startswith("step 4: loss") for line in lines)


def test_train_temporal_resumed_after_a_kill_gives_the_same_weights(
    finished: tuple[Path, list[str]], captioned_folder: Path, clip_sets: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    arguments = [sys.executable, "-c", KILLED, str(captioned_folder), str(clip_sets), str(out)]
    killed = subprocess.run(arguments, env=environment, check=False, cwd=Path(__file__).parents[2])
    assert killed.returncode == -signal.SIGKILL
    assert (out / "run-0.pt").exists()
    assert not (out / "temporal.safetensors").exists()
    path = train_temporal(recipe_for(captioned_folder, clip_sets, out), tower(), lambda _: None)
    assert path.read_bytes() == finished[0].read_bytes()


def test_train_temporal_with_worker_processes_gives_the_same_weights(
    finished: tuple[Path, list[str]], captioned_folder: Path, clip_sets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "count_usable_cores", lambda: 4)
    path = train_temporal(recipe_for(captioned_folder, clip_sets, tmp_path), tower(), lambda _: None)
    assert path.read_bytes() == finished[0].read_bytes()


def test_train_temporal_with_another_recipe_or_damaged_cache_raises(
    finished: tuple[Path, list[str]], captioned_folder: Path, clip_sets: Path
) -> None:
    out = finished[0].parent
    with pytest.raises(InvalidInput, match="another recipe"):
        train_temporal(replace(recipe_for(captioned_folder, clip_sets, out), rate=1.0), tower(), lambda _: None)
    with pytest.raises(InvalidInput, match="other footage"):
        train_temporal(replace(recipe_for(captioned_folder, clip_sets, out), max_images=4), tower(), lambda _: None)
    content = (out / "footage-dev.npz").read_bytes()
    (out / "footage-dev.npz").write_bytes(content[:100])
    with pytest.raises(Corrupt, match=r"footage-dev\.npz"):
        train_temporal(recipe_for(captioned_folder, clip_sets, out), tower(), lambda _: None)
    (out / "footage-dev.npz").write_bytes(content)
    with pytest.raises(InvalidInput, match="seed of its own"):
        TemporalRecipe(captioned_folder, out, seeds=(1, 1))


def test_list_clips_divides_a_set_without_splits_by_group(clip_sets: Path) -> None:
    train, dev = (list_clips(clip_sets, split) for split in ("train", "dev"))
    assert [path.name for path in train] == ["0.mp4", "2.mp4", "4.mp4"]
    assert [path.name for path in dev] == ["1.mp4", "3.mp4"]
    assert list_clips(clip_sets, "test") == []


def test_draw_sample_times_samples_static_shots_rarely() -> None:
    for seed in range(20):
        random = np.random.default_rng(seed)
        splice = draw_spliced_video(random, range(60), [], 120.0)
        times = draw_sample_times(splice, random)
        assert (np.diff(times) > 0).all()
        assert np.diff(times).max() < STATIC_SECONDS + 1
        for scene in splice.scenes:
            for shot in scene.shots:
                inside = times[(times > shot.start + 2) & (times < shot.end - 2)]
                if not shot.moves and len(inside) > 1:
                    assert np.diff(inside).min() > STATIC_SECONDS - 1e-6
                if shot.moves and shot.end - shot.start > 8:
                    assert len(inside) >= 3


def test_eval_moments_measures_all_methods_on_rendered_videos(
    finished: tuple[Path, list[str]], captioned_folder: Path, clip_sets: Path
) -> None:
    arguments = ["eval", "moments", "--root", str(captioned_folder), "--films", str(clip_sets), "--weights", str(finished[0])]
    result = CliRunner().invoke(main, [*arguments, "--count", "2", "--seconds", "12", "--json"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    record = json.loads(result.stdout)
    values = {measure["name"]: measure["value"] for measure in record["measures"]}
    assert values["the true scenes: F1 of scenes' beginnings"] == 1
    assert values["the true scenes: R@5, IoU 0.5"] == 1, "two scenes at most"
    ways = {name.split(":")[0] for name in values}
    assert {"change points", "temporal network", "shots by their cuts", "windows of 10 s"} < ways
    refused = CliRunner().invoke(main, [*arguments, "--count", "9"])
    assert refused.exit_code != 0
