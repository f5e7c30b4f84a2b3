"""The sound tower from audio clips to weights, calibration and card; stopped and killed."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from mm.cli.commands.train import command
from mm.errors import InvalidInput, Unavailable
from mm.evaluation import esc10, tuxpaint
from mm.media import MediaReader
from mm.models.sound.tower import SoundTower
from mm.models.sound.weights import read_weights
from mm.settings import Settings
from mm.spaces import Space, load_space
from mm.spaces.calibration import read_bank, read_sound_calibration
from mm.spaces.openclip_space import OpenClipSpace
from mm.spaces.query import build_query
from mm.spaces.registry import WEIGHTS
from mm.training.sound.data import load_clips
from mm.training.sound.recipe import SoundConfig
from mm.training.sound.run import select_training_clips
from mm.training.sound.teacher import load_teacher, read_teacher
from mm.training.sound.teacher_scores import score_clips
from mm.training.sound.train import split_labels, train_sound
from tests.openclip_models import write_model
from tests.training import sound_fixtures

pytestmark = [pytest.mark.usefixtures("one_thread"), pytest.mark.xdist_group("sound")]
SHIPPED = ("sound.safetensors", "sound.json", "sound_bank.safetensors", "SOUND.md")


class Stopped(Exception):
    """Raised to stop a run."""


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sets")
    sound_fixtures.write_teacher(folder / "yamnet.tflite")
    sound_fixtures.write_names(folder / "names.txt")
    sound_fixtures.write_esc10(folder / "esc10")
    sound_fixtures.write_tuxpaint(folder / "tuxpaint")
    sound_fixtures.write_background(folder / "films")
    sound_fixtures.write_captions(folder / "captions")
    sound_fixtures.write_texts(folder / "texts")
    return folder


def config_for(sets: Path, out: Path) -> SoundConfig:
    """A small recipe."""
    return SoundConfig(
        sets / "esc10",
        sets / "yamnet.tflite",
        sets / "captions",
        out,
        sets / "tuxpaint",
        (sets / "films",),
        WEIGHTS / "lite" / "image.safetensors",
        sets / "names.txt",
        sets / "texts",
        seeds=(0, 7),
        takes=1,
        noise_texts=60,
        steps=4,
        batch=6,
        save_every=2,
    )


@pytest.fixture(scope="module")
def finished(sets: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[SoundConfig, list[str]]:
    """One finished run and its progress lines."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    config, lines = config_for(sets, tmp_path_factory.mktemp("sound")), list[str]()
    assert train_sound(config, lines.append) == config.out / "sound.safetensors"
    torch.set_num_threads(threads)
    return config, lines


def copy_caches(finished: SoundConfig, out: Path) -> SoundConfig:
    """The same recipe in a folder with the cached clips and vectors, without states of runs."""
    shutil.copytree(finished.out / "vectors", out / "vectors")
    shutil.copy(finished.out / "sounds.npz", out)
    return replace(finished, out=out)


def assert_same(first: Path, second: Path) -> None:
    for name in SHIPPED:
        assert (first / name).read_bytes() == (second / name).read_bytes(), name


def test_train_sound_reports_every_run_and_writes_the_card(finished: tuple[SoundConfig, list[str]]) -> None:
    config, lines = finished
    runs = [line.partition(",")[0] for line in lines if ", step 4 of 4" in line]
    left_out = ["church_bell-rain", "fire_siren"]
    assert runs == ["run-0", "run-7", *(f"run-{seed}-without-{labels}" for seed in (0, 7) for labels in left_out)]
    card = (config.out / "SOUND.md").read_text()
    assert "- steps: 4" in card
    assert card.count("| seed 7 |") == 2
    assert str(config.out) not in card  # a card is for others


def test_train_sound_writes_calibration_and_bank(finished: tuple[SoundConfig, list[str]], tmp_path: Path) -> None:
    config, _ = finished
    scores, bank = read_sound_calibration(config.out / "sound.json"), read_bank(WEIGHTS / "lite" / "bank.safetensors")
    assert {(entry.component, entry.kind) for entry in scores.calibrators} == {
        ("text", "sound"), ("sound", "sound"), ("sound", "picture"), ("picture", "sound"), ("clip", "sound"),
    }  # fmt: skip
    bank = read_bank(WEIGHTS / "lite" / "bank.safetensors", config.out / "sound_bank.safetensors")
    np.testing.assert_allclose(np.linalg.norm(bank.sounds, axis=1), 1, atol=2e-3)
    assert bank.audible.shape == (385,)


def test_train_sound_resumed_after_an_exception_gives_the_same_files(
    finished: tuple[SoundConfig, list[str]], tmp_path: Path
) -> None:
    config = copy_caches(finished[0], tmp_path)
    for line in ("take 1", "run-0, step 2", "run-7, step 4", "run-7-without-fire_siren, step 2"):
        with pytest.raises(Stopped):
            train_sound(config, stop_at(line))
    again: list[str] = []
    train_sound(config, again.append)
    assert not any("take" in line or "run-0, " in line for line in again)
    assert_same(config.out, finished[0].out)


def test_train_sound_resumed_after_a_kill_gives_the_same_files(
    finished: tuple[SoundConfig, list[str]], sets: Path, tmp_path: Path
) -> None:
    config = copy_caches(finished[0], tmp_path)
    code = (
        "import sys, torch; torch.set_num_threads(1); from pathlib import Path; from mm.training.sound.train import train_sound; "
        "from tests.training.test_sound import config_for; "
        "train_sound(config_for(Path(sys.argv[1]), Path(sys.argv[2])), lambda line: print(line, flush=True))"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path.cwd()), "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        [sys.executable, "-c", code, str(sets), str(tmp_path)], stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "step 2" in line:
                process.send_signal(signal.SIGKILL)
                break
    assert process.returncode == -signal.SIGKILL
    train_sound(config, lambda line: None)
    assert_same(config.out, finished[0].out)


def stop_at(line: str) -> Callable[[str], None]:
    def on_progress(progress: str) -> None:
        if line in progress:
            raise Stopped

    return on_progress


def test_train_sound_with_the_state_of_another_recipe_raises_invalid_input(finished: tuple[SoundConfig, list[str]]) -> None:
    with pytest.raises(InvalidInput, match="another recipe"):
        train_sound(replace(finished[0], anchor=1.0), lambda line: None)


def test_clip_vectors_equal_those_of_the_served_tower(finished: tuple[SoundConfig, list[str]], tmp_path: Path) -> None:
    config, _ = finished
    sounds, weights = load_clips(config), read_weights(config.out / "sound.safetensors")
    teacher = load_teacher(config.teacher, len(sound_fixtures.NAMES))
    ours = score_clips(config, sounds, teacher, lambda line: None).clip_vectors(weights["vectors"], len(sounds.label))
    tower = SoundTower(config.out / "sound.safetensors", tmp_path, threads=1)
    assert tower.names[-1] == "rain"  # what is in brackets is not said
    for index in (0, 4, 9):
        served = tower.embed(sounds.waveform(index), speech=True)
        assert served is not None
        assert float(served @ ours[index]) > 0.995  # weights are rounded to 8 bits once more


def test_select_training_clips_excludes_left_out_labels(finished: tuple[SoundConfig, list[str]]) -> None:
    sounds = load_clips(finished[0])
    for fold in split_labels(sounds.labels):
        rows = select_training_clips(sounds, fold)
        assert not sounds.dev[rows].any()
        assert not {sounds.labels[label] for label in sounds.label[rows]} & set(fold)
    assert sorted(label for fold in split_labels(sounds.labels) for label in fold) == sounds.labels
    assert len(select_training_clips(sounds, ())) == 9 + 2  # of Tux Paint, two of train have a sound
    with pytest.raises(InvalidInput, match="no label 'dog'"):
        select_training_clips(sounds, ("dog",))


def test_read_teacher_of_another_file_raises_invalid_input(sets: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.tflite"
    for content in (b"", b"nonsense TFL3 and more", (sets / "yamnet.tflite").read_bytes()[:5000]):
        other.write_bytes(content)
        with pytest.raises(InvalidInput, match=r"other\.tflite"):
            read_teacher(other)
    with pytest.raises(InvalidInput, match="8 classes, the list of names 9"):
        load_teacher(sets / "yamnet.tflite", 9)


def test_train_sound_with_unreadable_sets_or_invalid_recipe_raises_invalid_input(sets: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="manifest"):
        train_sound(replace(config_for(sets, tmp_path), esc10=tmp_path), lambda line: None)
    with pytest.raises(InvalidInput, match="image tower"):
        replace(config_for(sets, tmp_path), image_weights=None)
    with pytest.raises(InvalidInput, match="seed"):
        replace(config_for(sets, tmp_path), seeds=(1, 1))


@pytest.fixture(scope="module")
def shipped(finished: tuple[SoundConfig, list[str]], tmp_path_factory: pytest.TempPathFactory) -> Space:
    """The shipped space, with the graphs that training built."""
    home = tmp_path_factory.mktemp("home")
    shutil.copytree(finished[0].out / "vectors" / "graphs", home / "cache" / "graphs")
    return load_space("lite", Settings(home=home, threads=1))


def test_evaluate_esc10_and_tuxpaint_measure_the_shipped_space(shipped: Space, sets: Path) -> None:
    with MediaReader() as reader:
        classified = esc10.evaluate(shipped, reader, sets / "esc10")
        shown = tuxpaint.evaluate(shipped, reader, sets / "tuxpaint")
        with pytest.raises(InvalidInput, match="split 'none'"):
            esc10.evaluate(shipped, reader, sets / "esc10", "none")
    assert classified.of.startswith("Accuracy on 6 clips of dev, 3 labels")
    assert classified.measures[0].interval.value >= 5 / 6
    intervals = {measure.name: measure.interval for measure in shown.measures}
    assert intervals["sound to picture R@1, random order"].value == pytest.approx(1 / 3)
    assert intervals["name to sound R@1"].value >= 2 / 3
    assert intervals["effects that are evidence of a sound"].value == 1


def test_train_sound_command_runs_the_recipe(sets: Path, finished: tuple[SoundConfig, list[str]], tmp_path: Path) -> None:
    config = copy_caches(finished[0], tmp_path)
    options = [f"--{name}={sets / name}" for name in ("esc10", "captions", "tuxpaint", "films")]
    ended = CliRunner().invoke(
        command,
        ["sound", *options, f"--teacher={sets / 'yamnet.tflite'}", f"--out={config.out}", "--steps=1", "--takes=0"],
    )
    assert isinstance(ended.exception, InvalidInput)  # the list of names is YAMNet's, this teacher is not
    assert "8 classes, the list of names 521" in str(ended.exception)


def test_train_sound_of_a_larger_space_gives_it_a_sound_tower(sets: Path, tmp_path: Path) -> None:
    """With the tower, audio is in the image space; without it, in the sentence space of lite."""
    name = f"openclip:local-dir:{write_model(tmp_path / 'model', 'plain')}"
    settings = Settings(home=tmp_path / "home", threads=1)
    with pytest.raises(Unavailable, match=r"mm train sound --space openclip:local-dir:.*/model` makes one"):
        load_space(f"{name}+sound", settings)
    plain = load_space(name, settings)
    assert isinstance(plain, OpenClipSpace)
    recipe = {"image_weights": None, "space": str(plain.id), "seeds": (0,), "steps": 60, "anchor": 0.1, "rate": 0.03}
    config = replace(config_for(sets, plain.folder), **recipe)  # type: ignore[arg-type]
    train_sound(config, lambda line: None, plain)
    assert f"among the vectors of {plain.id}" in (plain.folder / "SOUND.md").read_text()

    space = load_space(f"{name}+sound", settings)
    assert isinstance(space, OpenClipSpace)
    assert (space.id != plain.id, space.folder) == (True, plain.folder)
    assert (space.can_compare_sound_with_images, plain.can_compare_sound_with_images) == (True, False)
    waveform = load_clips(config, plain).waveform(0)
    assert space.sound.encode_windows(waveform)[0].vector.shape == (24,)
    assert plain.sound.encode_windows(waveform)[0].vector.shape == (384,)
    picture = np.full((32, 32, 3), 200, np.uint8)
    shapes = {
        evidence_query.kind: evidence_query.weight.shape
        for evidence_query in build_query(space, text="rain", picture=picture, sound=waveform).evidence_queries
    }
    assert (shapes["sound"], shapes["picture"], shapes["speech"]) == ((24,), (24,), (384,))
    assert {
        evidence_query.kind: evidence_query.weight.shape for evidence_query in build_query(plain, text="rain").evidence_queries
    }["sound"] == (384,)
    with MediaReader() as reader:
        assert esc10.evaluate(space, reader, sets / "esc10").measures[0].interval.value > 1 / 3
        assert tuxpaint.evaluate(space, reader, sets / "tuxpaint").measures
