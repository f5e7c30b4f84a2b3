"""Vision transformers of timm, with random weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import save_file

from mm.errors import Corrupt, InvalidInput, Unavailable
from mm.inspection.features.framing import Framing, extract_patches
from mm.inspection.features.load import load_backbone
from mm.inspection.features.timm_backbone import TimmBackbone
from mm.inspection.fit import fit_inspector
from mm.inspection.settings import FitSettings
from tests.inspection.parts import render_good_images

MODEL = "test_vit"


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("timm") / "vit.safetensors"
    with torch.random.fork_rng():
        torch.manual_seed(0)
        save_file(timm.create_model(MODEL, num_classes=0).state_dict(), path)
    return path


@pytest.fixture
def backbone(weights: Path) -> TimmBackbone:
    return TimmBackbone(f"timm:{MODEL}", weights, device="cpu")


def test_timm_backbone_has_a_vector_for_each_patch_of_8_pixels(backbone: TimmBackbone) -> None:
    image = np.random.default_rng(0).integers(0, 256, (50, 70, 3), np.uint8)
    patches = extract_patches(backbone, image)
    assert patches.shape[:2] == (7, 9)
    assert patches.dtype == np.float32
    assert np.isfinite(patches).all()


def test_timm_backbone_digest_depends_on_the_weights(backbone: TimmBackbone, weights: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file

    tensors = load_file(weights)
    tensors["cls_token"] = tensors["cls_token"] + 1
    save_file(tensors, tmp_path / "other.safetensors")
    assert backbone.digest == TimmBackbone(f"timm:{MODEL}", weights, device="cpu").digest
    assert backbone.digest != TimmBackbone(f"timm:{MODEL}", tmp_path / "other.safetensors", device="cpu").digest


def test_fit_inspector_takes_a_timm_backbone(backbone: TimmBackbone) -> None:
    settings = FitSettings(backbone=backbone.name, framing=Framing(64), bank_size=100, brightness=())
    fitted = fit_inspector(render_good_images(3), "disc", backbone, settings)
    assert fitted.bank.vectors_BC.shape[1] == backbone.extract(np.zeros((1, 16, 16, 3), np.uint8)).shape[-1]


@pytest.mark.parametrize("name", ["timm:no_such_model", "timm:resnet18"])
def test_timm_backbone_other_models_are_refused(name: str, weights: Path) -> None:
    with pytest.raises(InvalidInput):
        TimmBackbone(name, weights)


def test_timm_backbone_without_weights_is_unavailable() -> None:
    with pytest.raises(Unavailable, match="MM_DOWNLOAD_MODELS"):
        TimmBackbone(f"timm:{MODEL}")


def test_timm_backbone_weights_of_another_model_are_corrupt(tmp_path: Path) -> None:
    save_file({"a": torch.zeros(2)}, tmp_path / "a.safetensors")
    with pytest.raises(Corrupt, match="is missing"):
        TimmBackbone(f"timm:{MODEL}", tmp_path / "a.safetensors")


def test_load_backbone_takes_a_model_and_a_file(weights: Path, tmp_path: Path) -> None:
    name = f"timm:{MODEL}@{weights}"
    assert load_backbone(name, tmp_path).name == name
    with pytest.raises(InvalidInput, match="imagenet, lite"):
        load_backbone("vit", tmp_path)
