"""A calibration on a small generated set: patterns, their captions, and a recording."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import moonshine_voice
import numpy as np
import pytest
from PIL import Image

from mm.errors import InvalidInput
from mm.spaces.calibration import read_bank, read_calibration
from mm.spaces.registry import WEIGHTS
from mm.training.calibration.fit import fit_calibration
from mm.training.calibration.library import hash_weights
from mm.training.calibration.recipe import CalibrationConfig

SETS = Path(__file__).parents[3] / "datasets"
COLOURS = {"red": (220, 20, 20), "green": (20, 160, 20), "blue": (20, 40, 220), "yellow": (230, 220, 20), "grey": (120, 120, 120)}
SHAPES = ("square", "stripe", "corner")


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> CalibrationConfig:
    folder = tmp_path_factory.mktemp("data")
    data, spoken = folder / "captioned", folder / "spoken"
    (data / "images").mkdir(parents=True)
    (spoken / "audio").mkdir(parents=True)
    rows = []
    for split in ("train", "dev"):
        for colour, value in COLOURS.items():
            for shape in SHAPES:
                name = f"{split}-{colour}-{shape}.png"
                Image.fromarray(pattern(value, shape)).save(data / "images" / name)
                captions = [f"A {colour} {shape} .", f"There is a {colour} {shape} .", f"One {shape} of {colour} colour ."]
                rows.append({"image": name, "captions": captions, "split": split})
    (data / "captions.jsonl").write_text("\n".join(map(json.dumps, rows)))
    shutil.copy(Path(moonshine_voice.__file__).parent / "assets" / "beckett.wav", spoken / "audio" / "a.wav")
    spoken_text = "Ever tried. Ever failed. No matter. Try again. Fail again. Fail better."
    (spoken / "manifest.jsonl").write_text(json.dumps({"audio": "audio/a.wav", "spoken_text": spoken_text, "split": "dev"}))
    weights = WEIGHTS / "lite" / "image.safetensors"
    return CalibrationConfig(data, spoken, folder / "out", weights, SETS, bank_images=12, bank_sentences=40, caption_sample=20)


def pattern(colour: tuple[int, int, int], shape: str) -> np.ndarray:
    """A shape of one colour on white."""
    picture = np.full((96, 96, 3), 255, np.uint8)
    region = {"square": np.s_[24:72, 24:72], "stripe": np.s_[40:56, :], "corner": np.s_[:40, :40]}[shape]
    picture[region] = colour
    return picture


def test_fit_calibration_writes_all_files_and_is_deterministic(config: CalibrationConfig) -> None:
    lines: list[str] = []
    path = fit_calibration(config, lines.append)
    calibration, bank = read_calibration(path), read_bank(config.out / "bank.safetensors")
    assert calibration.image_weights == hash_weights(config.weights)
    assert calibration.prior == config.prior
    assert 0 < calibration.floor < 1
    assert calibration.possible == min(config.prior, calibration.floor)
    assert bank.images.shape == (12, 384)
    assert bank.sentences.shape == (40, 384)
    components = {(entry.component, entry.kind) for entry in calibration.calibrators}
    assert components == {
        ("text", "picture"),
        ("text", "speech"),
        ("text", "name"),
        ("picture", "picture"),
        ("clip", "picture"),
        ("sound", "speech"),
    }
    assert (config.out / "floor.svg").read_text().startswith("<svg")
    assert f"{calibration.floor:.2g}" in (config.out / "floor.md").read_text()
    assert lines[-1].startswith("score threshold ")
    first = path.read_bytes()
    fit_calibration(config, lines.append)
    assert path.read_bytes() == first


def test_fit_calibration_with_missing_data_raises_invalid_input(config: CalibrationConfig, tmp_path: Path) -> None:
    missing = CalibrationConfig(tmp_path, config.spoken, tmp_path / "out", config.weights, SETS)
    with pytest.raises(InvalidInput, match=r"captions\.jsonl"):
        fit_calibration(missing, lambda line: None)
