"""The captioner of the installation: found by its file, with a version of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from mm.errors import Corrupt
from mm.generation.builtin_captioner import find_caption_model
from mm.settings import Settings
from tests.models.language.additions_files import write_random_additions


def test_find_caption_model_without_weights_or_with_captions_off_finds_none(tmp_path: Path) -> None:
    additions = tmp_path / "additions.safetensors"
    assert find_caption_model(Settings(home=tmp_path), additions) is None
    write_random_additions(additions)
    assert find_caption_model(Settings(home=tmp_path, captions="off"), additions) is None


def test_find_caption_model_version_differs_by_the_weights(tmp_path: Path) -> None:
    versions = []
    for seed in (1, 2, 2):
        additions = write_random_additions(tmp_path / f"{seed}.safetensors", seed=seed)
        model = find_caption_model(Settings(home=tmp_path), additions)
        assert model is not None
        versions.append(model.version)
    assert versions[0] != versions[1] == versions[2]
    assert all(len(version) <= 64 for version in versions)


def test_find_caption_model_of_a_damaged_file_raises_corrupt(tmp_path: Path) -> None:
    additions = tmp_path / "additions.safetensors"
    additions.write_bytes(b"no weights")
    with pytest.raises(Corrupt):
        find_caption_model(Settings(home=tmp_path), additions)


def test_load_captioner_of_weights_for_another_base_model_raises_corrupt(tmp_path: Path) -> None:
    model = find_caption_model(Settings(home=tmp_path), write_random_additions(tmp_path / "additions.safetensors"))
    assert model is not None
    with pytest.raises(Corrupt, match="belong to a base model"):
        model.load()
