"""Distillation: captions chosen by the teacher, the card, and resumed runs."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from mm.cli.main import main
from mm.data.captioned_images import read_captioned_images
from mm.errors import InvalidInput
from mm.evaluation.captions import measure_recall
from mm.models.text.tower import TextTower
from mm.settings import Settings
from mm.spaces import Space, load_space
from mm.training.align.recipe import AlignConfig
from mm.training.align.teacher import caption_images, embed_images, find_nearest_sentences, measure_teacher_recall
from mm.training.align.train import align, distill
from tests.openclip_models import write_model
from tests.training.align.test_train import VARIANTS, assert_same_weights, environment
from tests.training.align.test_train import recipe as small

pytestmark = pytest.mark.xdist_group("distill")
KILLED = """
import os, signal, sys
from pathlib import Path
import torch
from mm.training.align.train import distill
from tests.training.align.test_distill import load, recipe
torch.set_num_threads(1)
data, out, model = map(Path, sys.argv[1:])
distill(recipe(data, out), load(model), lambda done, total, line: os.kill(os.getpid(), signal.SIGKILL) if done == 1 else None)
"""


def recipe(data: Path, out: Path) -> AlignConfig:
    """One run of two epochs."""
    return replace(small(data, out), variants=VARIANTS[:1])


def config_for(data: Path, out: Path, class_vectors: Path) -> AlignConfig:
    """The recipe, with cached class vectors."""
    (out / "vectors").mkdir(parents=True)
    shutil.copy(class_vectors, out / "vectors")
    return recipe(data, out)


def load(model: Path) -> Space:
    return load_space(f"openclip:local-dir:{model}", Settings(home=model.parent / "home", threads=1), gpu=False)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("teacher") / "model", "plain")


@pytest.fixture(scope="module")
def teacher(model: Path) -> Space:
    return load(model)


@pytest.fixture(scope="module")
def finished(
    captioned_folder: Path, class_vectors: Path, teacher: Space, tmp_path_factory: pytest.TempPathFactory
) -> AlignConfig:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    config = config_for(captioned_folder, tmp_path_factory.mktemp("distill") / "out", class_vectors)
    distill(config, teacher, lambda *_: None)
    torch.set_num_threads(threads)
    return config


def test_caption_images_chooses_the_nearest_sentences(captioned_folder: Path, teacher: Space, tmp_path: Path) -> None:
    rows = read_captioned_images(captioned_folder, "train")
    files, sentences = [row.path for row in rows], sorted({caption for row in rows for caption in row.captions})
    captioned = caption_images(teacher, files, sentences, 3, 32, tmp_path, torch.device("cpu"))
    assert captioned.images.shape == (12, 32, 32, 3)
    assert captioned.captions.shape == (12, 3, 384)
    words = TextTower(tmp_path / "graphs").embed(sentences)
    for file, captions in zip(files, captioned.captions.numpy(), strict=True):
        (image_vector,) = teacher.image.embed([np.asarray(Image.open(file).convert("RGB"))])
        cosines = {sentence: float(image_vector @ teacher.text.embed([sentence])[0]) for sentence in sentences}
        best = sorted(sentences, key=lambda sentence: -cosines[sentence])[:3]
        for caption, sentence in zip(captions, best, strict=True):
            assert caption @ words[sentences.index(sentence)] > 0.999


@given(st.integers(1, 300), st.integers(1, 12), st.integers(1, 12), st.integers(0, 99))
def test_find_nearest_sentences_equals_brute_force(pictures: int, sentences: int, count: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    images, sentence_vectors = (random.normal(size=(size, 8)).astype(np.float32) for size in (pictures, sentences))
    nearest = find_nearest_sentences(images, sentence_vectors, count)
    assert nearest.shape == (pictures, min(count, sentences))
    for row, vector in zip(nearest, images, strict=True):
        cosines = sentence_vectors @ vector
        assert np.allclose(cosines[row], np.sort(cosines)[::-1][: len(row)], atol=1e-5)


def test_embed_images_reads_the_cache_until_an_image_changes(teacher: Space, tmp_path: Path) -> None:
    path, cache = tmp_path / "one.png", tmp_path / "kept"
    Image.new("RGB", (40, 40), "red").save(path)
    first = embed_images(teacher, [path], cache)
    (block,) = cache.glob("seen-*.npy")
    np.save(block, first * 2)
    assert np.array_equal(embed_images(teacher, [path], cache), first * 2)
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8)).save(path)
    again = embed_images(teacher, [path], cache)
    assert np.allclose(np.linalg.norm(again, axis=1), 1)
    assert not np.allclose(again, first)


def test_distill_card_has_the_recalls_of_weights_and_teacher(
    finished: AlignConfig, captioned_folder: Path, teacher: Space, tmp_path: Path
) -> None:
    card = (finished.out / "CARD.md").read_text()
    assert measure_recall(finished.out / "image.safetensors", captioned_folder, tmp_path).table() in card
    assert f"The teacher, {teacher.id}, with its own towers:" in card
    assert measure_teacher_recall(teacher, captioned_folder, tmp_path).table() in card
    assert str(teacher.id).startswith("openclip-")
    assert str(finished.out) not in card


@pytest.mark.usefixtures("one_thread")
def test_distill_resumed_after_a_kill_gives_the_same_weights(
    finished: AlignConfig, captioned_folder: Path, class_vectors: Path, model: Path, teacher: Space, tmp_path: Path
) -> None:
    config = config_for(captioned_folder, tmp_path / "out", class_vectors)
    program = [sys.executable, "-c", KILLED, str(captioned_folder), str(config.out), str(model)]
    killed = subprocess.run(program, env=environment(), check=False)
    assert killed.returncode == -signal.SIGKILL
    assert not (config.out / "image.safetensors").exists()
    epochs: list[int] = []
    distill(config, teacher, lambda done, _total, _line: epochs.append(done))
    assert epochs == [2]
    assert_same_weights(config.out, finished.out)


def test_distill_does_not_resume_a_run_of_another_teacher(finished: AlignConfig, model: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(finished.out, tmp_path / "out")
    with pytest.raises(InvalidInput, match="belongs to another recipe"):
        align(replace(finished, out=copy), lambda *_: None)
    other = write_model(tmp_path / "model", "plain", seed=1)
    with pytest.raises(InvalidInput, match="belongs to another recipe"):
        distill(replace(finished, out=copy), load(other), lambda *_: None)


def test_distill_with_more_captions_than_sentences_raises_invalid_input(
    finished: AlignConfig, teacher: Space, tmp_path: Path
) -> None:
    with pytest.raises(InvalidInput, match="25 captions cannot be chosen from 16 sentences"):
        distill(replace(finished, out=tmp_path, captions_per_image=25), teacher, lambda *_: None)


def test_distill_command_with_an_invalid_teacher_fails_before_training(captioned_folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    arguments = ["train", "distill", "--teacher", "openclip:ViT-B-32", "--data", str(captioned_folder), "--out", str(out)]
    result = CliRunner().invoke(main, arguments, env=os.environ | {"MM_HOME": str(tmp_path)})
    assert result.exit_code != 0
    assert "does not name a model" in result.output
    assert not out.exists()
