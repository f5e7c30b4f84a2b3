"""The captioner of the installation: found by its file, with a version of its own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mm.errors import Corrupt
from mm.files import hash_file
from mm.generation.builtin_captioner import load_captioner
from mm.generation.caption_model import find_caption_model
from mm.models.language.media_prefix import MediaPrefixConfig
from mm.models.language.smollm2 import find_smollm2
from mm.settings import Settings
from tests.models.language.additions_files import SMOLLM2_MOE, write_random_additions
from tests.models.language.media_prefix.prefixes import AnImage


def test_find_caption_model_without_weights_or_with_captions_off_finds_none(tmp_path: Path) -> None:
    additions = tmp_path / "additions.safetensors"
    assert find_caption_model(Settings(home=tmp_path, captions="on"), additions) is None
    write_random_additions(additions)
    assert find_caption_model(Settings(home=tmp_path, captions="off"), additions) is None


def test_find_caption_model_version_differs_by_the_weights(tmp_path: Path) -> None:
    versions = []
    for seed in (1, 2, 2):
        additions = write_random_additions(tmp_path / f"{seed}.safetensors", seed=seed)
        model = find_caption_model(Settings(home=tmp_path, captions="on"), additions)
        assert model is not None
        versions.append(model.version)
    assert versions[0] != versions[1] == versions[2]
    assert all(len(version) <= 64 for version in versions)


def test_find_caption_model_of_a_damaged_file_raises_corrupt(tmp_path: Path) -> None:
    additions = tmp_path / "additions.safetensors"
    additions.write_bytes(b"no weights")
    with pytest.raises(Corrupt):
        find_caption_model(Settings(home=tmp_path, captions="on"), additions)


def test_load_captioner_of_weights_for_another_base_model_raises_corrupt(tmp_path: Path) -> None:
    model = find_caption_model(Settings(home=tmp_path, captions="on"), write_random_additions(tmp_path / "additions.safetensors"))
    assert model is not None
    with pytest.raises(Corrupt, match="belong"):
        model.load(None)


def test_load_captioner_with_trained_weights_captions_images(tmp_path: Path) -> None:
    base = find_smollm2()
    additions = write_random_additions(
        tmp_path / "additions.safetensors", SMOLLM2_MOE, MediaPrefixConfig(), base_sha256=hash_file(base)
    )
    random = np.random.default_rng(0)
    images = [
        AnImage(random.standard_normal((10, 10, 1280), np.float32), random.standard_normal(384, np.float32)) for _ in range(2)
    ]
    captioner = load_captioner(Settings(home=tmp_path, threads=1), additions, width=2)
    captions = dict(captioner.caption(images))
    assert sorted(captions) == [0, 1]
    assert all(caption.text and caption.logprob < 0 for caption in captions.values())
