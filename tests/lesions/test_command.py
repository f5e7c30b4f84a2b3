"""`mm lesions run` on generated files."""

from __future__ import annotations

import json
from pathlib import Path

import av
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from mm.cli.main import main
from mm.lesions.segmentation.weights import serialize_lesions
from mm.lesions.types import NOTICE
from tests.lesions.dicom_files import make_region, write_dicom
from tests.lesions.fixtures import CONFIG, draw_weights, render_lesion, write_clip

pytestmark = pytest.mark.xdist_group("dicom")


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MM_HOME", str(tmp_path / "home"))


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    path = tmp_path / "lesions.safetensors"
    path.write_bytes(serialize_lesions(CONFIG, draw_weights(0)))
    return path


def test_run_of_a_dicom_file_writes_every_export(weights: Path, tmp_path: Path) -> None:
    grey_HW = np.random.default_rng(0).integers(60, 160, (90, 120), np.uint8)
    path = write_dicom(tmp_path / "clip.dcm", np.stack([grey_HW] * 6), [make_region((5, 5, 110, 80))])
    done = CliRunner().invoke(main, ["lesions", "run", str(path), "--out", str(tmp_path / "out"), "--weights", str(weights)])
    assert done.exit_code == 0, done.output
    assert NOTICE in done.output
    names = {file.name for file in (tmp_path / "out").iterdir()}
    assert {"coco.json", "candidates.csv", "regions.csv", "report.dcm"} <= names
    assert any(name.startswith("frame-") for name in names)
    assert all(NOTICE.encode() in file.read_bytes() for file in (tmp_path / "out").iterdir())


def test_run_of_an_image_prints_its_result_with_json(weights: Path, tmp_path: Path) -> None:
    Image.fromarray(render_lesion(1)[0]).save(tmp_path / "still.png")
    arguments = ["lesions", "run", str(tmp_path / "still.png"), "--out", str(tmp_path / "out"), "--weights", str(weights)]
    done = CliRunner().invoke(main, [*arguments, "--json"])
    assert done.exit_code == 0, done.output
    result = json.loads(done.output)
    assert (result["notice"], result["num_frames"]) == (NOTICE, 1)


def test_run_of_a_video_writes_its_tracks(weights: Path, tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    write_clip(clip, 8)
    arguments = ["lesions", "run", str(clip), "--out", str(tmp_path / "out"), "--weights", str(weights), "--json"]
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 0, done.output
    result = json.loads(done.output)
    assert result["num_frames"] == 8
    times = [value for candidate in result["candidates"] for value in (candidate["start"], candidate["best"], candidate["end"])]
    assert times
    assert all(value == pytest.approx(round(value * 25) / 25, abs=1e-3) for value in times)
    with av.open(str(tmp_path / "out" / "tracks.webm")) as video:
        assert video.metadata["title"] == NOTICE
        assert len(list(video.decode(video=0))) == 8
    assert {"coco.json", "candidates.csv", "regions.csv"} <= {file.name for file in (tmp_path / "out").iterdir()}


def test_run_without_a_network_fails_with_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MM_LESION_WEIGHTS", str(tmp_path / "absent.safetensors"))
    Image.fromarray(render_lesion(1)[0]).save(tmp_path / "still.png")
    done = CliRunner().invoke(main, ["lesions", "run", str(tmp_path / "still.png"), "--out", str(tmp_path / "out")])
    assert done.exit_code == 1
    assert "no weights of the lesion network" in done.output
    assert not (tmp_path / "out").exists()


def test_run_with_other_weights_or_media_fails_with_one_sentence(weights: Path, tmp_path: Path) -> None:
    (tmp_path / "still.txt").write_text("no image")
    out = ["--out", str(tmp_path / "out")]
    done = CliRunner().invoke(main, ["lesions", "run", str(tmp_path / "still.txt"), *out, "--weights", str(weights)])
    assert done.exit_code == 1
    assert "still.txt" in done.output
    (tmp_path / "other").write_bytes(b"x")
    done = CliRunner().invoke(main, ["lesions", "run", str(tmp_path / "still.txt"), *out, "--weights", str(tmp_path / "other")])
    assert done.exit_code == 1
    assert "does not hold a lesion network" in done.output
    assert not (tmp_path / "out").exists()
