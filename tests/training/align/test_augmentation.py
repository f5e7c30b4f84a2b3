"""Mixup, text noise, dropped paths, pseudo-captions, and the image-to-captions loss."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch.nn import functional

from mm.errors import InvalidInput
from mm.models.image.efficientnet_lite_torch import ImageEncoder
from mm.training.align.augment import add_noise, draw_mixup
from mm.training.align.data import CaptionedTensors, caption_by_classes, load_unlabeled
from mm.training.align.initialization import build_imagenet_encoder
from mm.training.align.losses import ContrastiveLoss

pytestmark = pytest.mark.usefixtures("one_thread")


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def unit(*shape: int, seed: int = 0) -> torch.Tensor:
    return functional.normalize(torch.randn(*shape, generator=generator(seed)), dim=-1)


def test_image_to_captions_loss_equals_its_definition() -> None:
    """All captions of an image are positive; a blend has the captions of both images."""
    pictures_ND, captions_MTD = unit(3, 8), unit(5, 2, 8, seed=1)
    first, second, share = torch.tensor([4, 0, 2]), torch.tensor([1, 0, 3]), torch.tensor([0.6, 1.0, 0.9])
    found_N = ContrastiveLoss(scale=10).image_to_captions(pictures_ND, captions_MTD, first, second, share)
    for n in range(3):
        likely_MT = (10 * captions_MTD @ pictures_ND[n]).flatten().softmax(0).view(5, 2)
        of_first, of_second = (-likely_MT[rows[n]].sum().log() for rows in (first, second))
        assert float(found_N[n].detach()) == pytest.approx(float(share[n] * of_first + (1 - share[n]) * of_second), rel=1e-5)


def test_image_to_captions_loss_is_small_for_own_captions_only() -> None:
    captions_MTD = torch.eye(8).view(4, 2, 8)
    rows, all_of_it = torch.arange(4), torch.ones(4)
    right, wrong = (
        ContrastiveLoss(scale=50).image_to_captions(captions_MTD[order, 1], captions_MTD, rows, rows, all_of_it)
        for order in (rows, rows.flip(0))
    )
    assert float(right.max().detach()) < 1e-6
    assert float(wrong.min().detach()) > 40


@settings(max_examples=20)
@given(seed=st.integers(0, 2**40), alpha=st.floats(0, 2))
def test_mixup_keeps_at_least_half_of_each_row(seed: int, alpha: float) -> None:
    """Blending the identity matrix gives the shares."""
    blend = draw_mixup(5, alpha, generator(seed))
    shares_NN = blend(torch.eye(5))
    assert torch.equal(blend(torch.eye(5).view(5, 5, 1, 1))[..., 0, 0], shares_NN)
    assert torch.allclose(shares_NN.sum(1), torch.ones(5), atol=1e-5)
    assert (shares_NN.diagonal() >= 0.5 - 1e-6).all()
    for n, other in enumerate(blend.other.tolist()):
        if other != n:
            assert float(shares_NN[n, other]) == pytest.approx(1 - float(blend.share[n]), abs=1e-6)


def test_mixup_with_alpha_zero_returns_the_input() -> None:
    vectors_ND = unit(3, 8)
    assert torch.equal(draw_mixup(3, 0, generator(0))(vectors_ND), vectors_ND)


@settings(max_examples=20)
@given(seed=st.integers(0, 2**40), length=st.floats(0.05, 0.6))
@example(seed=2**32 - 1, length=0.5)
def test_add_noise_changes_vectors_by_about_its_length(seed: int, length: float) -> None:
    # From another source than the noise: the same numbers would only make them longer.
    drawn_ND = np.random.default_rng(0).standard_normal((64, 384), np.float32)
    vectors_ND = functional.normalize(torch.from_numpy(drawn_ND), dim=1)
    moved_ND = add_noise(vectors_ND, length, generator(seed))
    assert torch.allclose(moved_ND.norm(dim=1), torch.ones(64))
    assert float((moved_ND * vectors_ND).sum(1).mean()) == pytest.approx((1 + length**2) ** -0.5, abs=0.02)


def test_add_noise_of_length_zero_returns_the_input() -> None:
    vectors_ND = unit(3, 8)
    assert add_noise(vectors_ND, 0, generator(0)) is vectors_ND


def test_image_encoder_drops_paths_in_training_mode_only() -> None:
    torch.manual_seed(0)
    plain, dropping = ImageEncoder(), ImageEncoder(drop_path=0.9)
    dropping.load_state_dict(plain.state_dict())
    pixels = torch.randint(0, 256, (2, 3, 32, 32), generator=generator(0)).float()
    with torch.no_grad():
        assert torch.equal(plain.eval()(pixels), dropping.eval()(pixels))
        assert not torch.equal(plain.train().features(pixels), dropping.train().features(pixels))


def test_caption_by_classes_gives_the_mean_class_vector() -> None:
    class_vectors_KD = unit(1000, 384)
    encoder = build_imagenet_encoder(class_vectors_KD).eval()
    pictures = torch.randint(0, 256, (3, 32, 32, 3), generator=generator(0), dtype=torch.uint8)
    captioned = caption_by_classes(pictures, encoder, class_vectors_KD, 32, batch=2)
    with torch.no_grad():
        logits = encoder.classes(encoder.features(pictures.permute(0, 3, 1, 2).float()))
    expected = functional.normalize(logits.softmax(1) @ class_vectors_KD, dim=1)
    assert torch.allclose(captioned.captions[:, 0], expected, atol=1e-5)
    joined = CaptionedTensors(pictures, unit(3, 5, 384)).concatenate(captioned)
    assert joined.captions.shape == (6, 5, 384)
    assert torch.equal(joined.captions[4, 3], captioned.captions[1, 0])


def test_load_unlabeled_reads_all_images_and_refuses_empty_folders(captioned_folder: Path, tmp_path: Path) -> None:
    assert load_unlabeled(captioned_folder / "images", 8, torch.device("cpu")).shape == (16, 8, 8, 3)
    for folder in (tmp_path, tmp_path / "missing"):
        with pytest.raises(InvalidInput, match="has no images"):
            load_unlabeled(folder, 8, torch.device("cpu"))
