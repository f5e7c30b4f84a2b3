"""Loading of spaces by name, and ids of spaces."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mm.errors import Corrupt, InvalidInput, NotFound, SpaceMismatch, Unavailable
from mm.models.language.checkpoint.file import SHIPPED, read_metadata
from mm.settings import Settings
from mm.spaces import Space, SpaceId, list_spaces, load_space, require_same_space
from mm.spaces.calibration import read_caption_calibration
from mm.spaces.lite_space import CAPTION_CALIBRATION
from mm.spaces.registry import WEIGHTS


@given(st.from_regex(r"[a-z][a-z0-9-]*", fullmatch=True), st.integers(1, 10**6))
def test_space_id_parse_reverses_str(name: str, version: int) -> None:
    assert SpaceId.parse(str(SpaceId(name, version))) == SpaceId(name, version)


@pytest.mark.parametrize("text", ["", "lite", "lite@", "lite@0", "lite@x", "Lite@1", "@1", "lite@1 "])
def test_space_id_parse_of_another_form_raises_invalid_input(text: str) -> None:
    with pytest.raises(InvalidInput, match="lite@1"):
        SpaceId.parse(text)


def test_require_same_space_of_another_name_or_version_raises() -> None:
    require_same_space(SpaceId("lite", 1), SpaceId("lite", 1))
    for other in (SpaceId("lite", 2), SpaceId("large", 1)):
        with pytest.raises(SpaceMismatch, match=f"{other}.*lite@1"):
            require_same_space(SpaceId("lite", 1), other)


def test_load_space_of_an_unknown_name_raises_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="lite"):
        load_space("litre", Settings(home=tmp_path))


def test_load_space_without_a_weights_file_names_it(tmp_path: Path) -> None:
    shutil.copytree(WEIGHTS / "lite", tmp_path / "lite", ignore=shutil.ignore_patterns("image.safetensors"))
    with pytest.raises(Unavailable, match=r"lacks image\.safetensors"):
        load_space("lite", Settings(home=tmp_path), tmp_path)


@pytest.mark.parametrize("name", ["calibration.json", "bank.safetensors", "image.safetensors"])
def test_space_with_a_broken_file_raises_corrupt_at_every_access(tmp_path: Path, name: str) -> None:
    shutil.copytree(WEIGHTS / "lite", tmp_path / "lite")
    (tmp_path / "lite" / name).write_bytes(b"{}")
    broken = load_space("lite", Settings(home=tmp_path), tmp_path)
    attribute = name.split(".")[0]
    for _ in range(2):
        with pytest.raises(Corrupt, match=name):
            getattr(broken, attribute)


def test_shipped_calibration_matches_the_shipped_space_and_weights(space: Space) -> None:
    weights = hashlib.sha256((WEIGHTS / "lite" / "image.safetensors").read_bytes()).hexdigest()
    assert space.calibration.image_weights == weights
    assert space.calibration.space == str(space.id)
    assert space.calibration.near_duplicate_cosine is not None
    assert space.id in list_spaces()
    assert space.dim == space.text.dim == space.image.dim == space.bank.images.shape[1]
    assert str(space.id) in space.card or space.id.name in space.card


def test_calibration_of_captions_is_of_the_trained_weights_where_there_are_any() -> None:
    calibration = read_caption_calibration(CAPTION_CALIBRATION)
    assert calibration is None or calibration.caption_weights == read_metadata(SHIPPED).sha256
