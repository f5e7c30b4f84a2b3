"""Components of alignment: views, captions, losses, and the head in closed form."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

from mm.files import open_atomic
from mm.models.image.efficientnet_lite_torch import ImageEncoder
from mm.models.image.preprocess import resize_batch
from mm.training.align.augment import Views, draw_captions, draw_views
from mm.training.align.initialization import build_imagenet_encoder, fit_head, resize_images
from mm.training.align.losses import ContrastiveLoss, kl_divergence

pytestmark = pytest.mark.usefixtures("one_thread")


STILL = Views(smallest_crop=1, stretch=1, colour=0, grey=0, cutout=0, mixup=0)


def pictures(count: int, side: int = 24) -> torch.Tensor:
    coarse = np.random.default_rng(0).integers(0, 256, (count, 6, 6, 3), np.uint8)
    return torch.from_numpy(resize_batch(list(coarse), side))


def unit(*shape: int) -> torch.Tensor:
    return functional.normalize(torch.randn(*shape, generator=torch.Generator().manual_seed(0)), dim=-1)


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@settings(max_examples=20)
@given(seed=st.integers(0, 2**40), size=st.integers(8, 40))
def test_draw_views_is_deterministic_and_in_range(seed: int, size: int) -> None:
    drawn = [draw_views(pictures(5), size, Views(), generator(seed)) for _ in range(2)]
    assert torch.equal(*drawn)
    assert drawn[0].shape == (5, 3, size, size)
    assert drawn[0].min() >= 0
    assert drawn[0].max() <= 255


def test_draw_views_differs_between_seeds() -> None:
    assert not torch.equal(draw_views(pictures(5), 24, Views(), generator(1)), draw_views(pictures(5), 24, Views(), generator(2)))


def test_draw_views_without_augmentation_gives_images_or_mirror_images() -> None:
    originals = resize_images(pictures(8), 24)
    views = draw_views(pictures(8), 24, STILL, generator(0))
    mirrored = [torch.allclose(view, original.flip(-1), atol=1) for view, original in zip(views, originals, strict=True)]
    same = [torch.allclose(view, original, atol=1) for view, original in zip(views, originals, strict=True)]
    assert all(is_same or is_mirrored for is_same, is_mirrored in zip(same, mirrored, strict=True))
    assert any(same)
    assert any(mirrored)


def test_draw_views_does_not_modify_its_input() -> None:
    rows = pictures(4)
    copy = rows.clone()
    draw_views(rows, 24, Views(), generator(0))
    assert torch.equal(rows, copy)


@settings(max_examples=20)
@given(seed=st.integers(0, 2**40))
def test_draw_captions_blends_at_most_two_captions_of_an_image(seed: int) -> None:
    vectors_NTD = unit(6, 3, 16)
    drawn_ND = draw_captions(vectors_NTD, generator(seed))
    assert torch.allclose(drawn_ND.norm(dim=1), torch.ones(6))
    for row, own_TD in zip(drawn_ND, vectors_NTD, strict=True):
        solution = torch.linalg.lstsq(own_TD.T, row).solution
        assert torch.allclose(own_TD.T @ solution, row, atol=1e-5)
        assert (solution > -1e-5).all()
        assert (solution > 1e-4).sum() <= 2


def test_caption_to_image_loss_is_cross_entropy_over_the_batch() -> None:
    pictures_ND, captions_ND = unit(4, 8), unit(2, 4, 8)[1]
    plain = -sum(float((10 * pictures_ND @ captions_ND[n]).log_softmax(0)[n]) / 4 for n in range(4))
    assert float(ContrastiveLoss(scale=10).caption_to_image(captions_ND, pictures_ND).detach()) == pytest.approx(plain, rel=1e-5)


def test_contrastive_loss_scale_is_limited() -> None:
    contrast = ContrastiveLoss()
    nn.init.constant_(contrast.log_scale, 50.0)
    assert float(contrast.scale().detach()) == pytest.approx(100)


def test_kl_divergence_is_zero_for_equal_distributions_only() -> None:
    logits = torch.randn(5, 9, generator=generator(0))
    assert float(kl_divergence(logits, logits + 3)) == pytest.approx(0, abs=1e-6)
    assert float(kl_divergence(logits, logits.flip(1))) > 0.1


def test_fit_head_gives_the_ridge_solution() -> None:
    """The gradient of the penalised squared error is zero, and so is the mean error."""
    torch.manual_seed(0)
    encoder = ImageEncoder().eval()
    rows, captions_NTD = pictures(9, 32), unit(9, 2, 384)
    fit_head(encoder, rows, captions_NTD, 32, batch=4)
    with torch.no_grad():
        features = encoder.features(resize_images(rows, 32)).double()
        errors = encoder.head.weight.double() @ features.T + encoder.head.bias.double()[:, None] - captions_NTD.mean(1).double().T
        gradient = errors @ (features - features.mean(0))
        penalty = 0.3 * 9 * features.var(0).mean() * encoder.head.weight.double()
    assert errors.mean(1).abs().max() < 1e-5
    assert (gradient + penalty).abs().max() < 1e-4 * gradient.abs().max()


def test_build_imagenet_encoder_gives_mean_class_vectors() -> None:
    encoder = build_imagenet_encoder(unit(1000, 384), 0.3).eval()
    with torch.inference_mode():
        vectors, logits = encoder.project(encoder.features(resize_images(pictures(2, 64), 64)))
    expected = functional.normalize(logits.softmax(1) @ encoder.class_vectors, dim=1)
    assert torch.allclose(vectors, expected, atol=1e-5)
    assert not encoder.classes.weight.requires_grad


def test_resize_images_equals_the_resizing_of_serving() -> None:
    """Training resizes with torch, serving with Pillow, which rounds between rows and columns."""
    rows = pictures(3, 30)
    ours = resize_images(rows, 48).permute(0, 2, 3, 1).numpy()
    difference = np.abs(ours - resize_batch(list(rows.numpy()), 48).astype(np.float32))
    assert difference.mean() < 0.5
    assert difference.max() <= 3


def test_open_atomic_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "file"
    with open_atomic(path) as file:
        file.write(b"old")

    def write_half() -> None:
        with open_atomic(path) as file:
            file.write(b"new")
            raise RuntimeError("broke")

    with pytest.raises(RuntimeError, match="broke"):
        write_half()
    assert [(entry.name, entry.read_bytes()) for entry in path.parent.iterdir()] == [("file", b"old")]
