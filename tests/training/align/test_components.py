"""Components of alignment: views, losses, averages, the head, images, checkpoints."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torch import nn
from torch.nn import functional

from mm.data.captioned_images import load_captioned_images, read_captioned_images
from mm.data.sentences import embed_sentences
from mm.errors import Corrupt, InvalidInput
from mm.files import open_atomic
from mm.models.image.efficientnet_lite_torch import ImageEncoder
from mm.models.image.preprocess import resize_batch
from mm.training.align.augment import Views, draw_captions, draw_views
from mm.training.align.initialization import build_imagenet_encoder, fit_head, resize_images
from mm.training.align.losses import ContrastiveLoss, kl_divergence
from mm.training.averaging import average_weights, create_moving_average
from mm.training.checkpoint import load_encoder, read_state, write_encoder, write_state

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
    assert all(one or other for one, other in zip(same, mirrored, strict=True))
    assert any(same)
    assert any(mirrored)


def test_draw_views_does_not_modify_its_input() -> None:
    rows = pictures(4)
    kept = rows.clone()
    draw_views(rows, 24, Views(), generator(0))
    assert torch.equal(rows, kept)


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


def test_moving_average_converges_to_constant_weights() -> None:
    module = nn.BatchNorm1d(3)
    average = create_moving_average(module, 0.9)
    nn.init.constant_(module.weight, 5.0)
    module.running_mean.fill_(2.0)  # type: ignore[union-attr]
    average.update_parameters(module)
    assert (average.module.weight > 1).all()
    assert (average.module.weight < 5).all()
    for _ in range(200):
        average.update_parameters(module)
    assert torch.allclose(average.module.weight, module.weight)
    assert torch.allclose(average.module.running_mean, module.running_mean)  # type: ignore[arg-type]
    assert average.module.weight.data_ptr() != module.weight.data_ptr()


def test_average_weights_is_the_mean_of_each_tensor() -> None:
    states = [{"a": torch.full((2,), float(value)), "b": torch.tensor(value).half()} for value in (1, 2, 6)]
    mean = average_weights(states)
    assert torch.equal(mean["a"], torch.full((2,), 3.0))
    assert mean["b"].dtype == torch.float32


def test_fit_head_gives_the_ridge_solution() -> None:
    """At the solution the gradient of the penalised squared error is zero; the bias makes the mean
    error zero."""
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
    """Torch resamples on the device, Pillow, which rounds between rows and columns, where a tower
    serves."""
    rows = pictures(3, 30)
    ours = resize_images(rows, 48).permute(0, 2, 3, 1).numpy()
    difference = np.abs(ours - resize_batch(list(rows.numpy()), 48).astype(np.float32))
    assert difference.mean() < 0.5
    assert difference.max() <= 3


def test_read_captioned_images_keeps_the_order(captioned_folder: Path) -> None:
    rows = read_captioned_images(captioned_folder, "dev")
    assert [row.path.name for row in rows] == ["12.png", "13.png", "14.png", "15.png"]
    assert len(rows[0].captions) == 2
    assert load_captioned_images(rows, 20).shape == (4, 20, 20, 3)


@pytest.mark.parametrize(
    "line",
    ["{", "[]", "{}", '{"image": "a.png", "captions": [], "split": "dev"}', '{"image": "a.png", "captions": 3, "split": "dev"}'],
)
def test_read_captioned_images_names_an_invalid_line(tmp_path: Path, line: str) -> None:
    (tmp_path / "captions.jsonl").write_text('{"image": "a.png", "captions": ["A cat ."], "split": "dev"}\n' + line + "\n")
    with pytest.raises(InvalidInput, match=r"captions\.jsonl, line 2"):
        read_captioned_images(tmp_path, "dev")


def test_read_captioned_images_without_file_or_split_raises_invalid_input(tmp_path: Path, captioned_folder: Path) -> None:
    with pytest.raises(InvalidInput, match=r"no captions\.jsonl"):
        read_captioned_images(tmp_path, "dev")
    with pytest.raises(InvalidInput, match="split 'test'"):
        read_captioned_images(captioned_folder, "test")


def test_load_captioned_images_names_a_file_that_is_not_an_image(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "captions.jsonl").write_text('{"image": "a.png", "captions": ["A cat ."], "split": "dev"}\n')
    rows = read_captioned_images(tmp_path, "dev")
    with pytest.raises(InvalidInput, match=r"a\.png"):
        load_captioned_images(rows, 8)
    (tmp_path / "images" / "a.png").write_bytes(b"no picture")
    with pytest.raises(InvalidInput, match=r"a\.png"):
        load_captioned_images(rows, 8)


def test_embed_sentences_reads_the_cache_for_the_same_sentences(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = tmp_path / "some.npz"
    first = embed_sentences(["A cat .", "Two dogs ."], kept)
    other = embed_sentences(["A cat .", "Two frogs ."], kept)  # other sentences replace what is kept
    assert np.allclose(np.linalg.norm(first, axis=1), 1, atol=1e-3)
    assert np.allclose(first[0], other[0], atol=2e-3)
    assert not np.allclose(first[1], other[1], atol=1e-2)
    monkeypatch.setattr("mm.data.sentences.TextTower", lambda *_: pytest.fail("embedded again"))
    assert np.array_equal(embed_sentences(["A cat .", "Two frogs ."], kept), other)


def test_load_encoder_reads_what_write_encoder_wrote(tmp_path: Path) -> None:
    torch.manual_seed(0)
    encoder = ImageEncoder()
    write_encoder(tmp_path / "image.safetensors", encoder.state_dict(), 64)
    again = load_encoder(tmp_path / "image.safetensors")
    for name, tensor in again.state_dict().items():
        assert torch.allclose(tensor.float(), encoder.state_dict()[name].float(), atol=1e-3, rtol=1e-3), name
    write_encoder(tmp_path / "second.safetensors", encoder.state_dict(), 64)
    assert (tmp_path / "image.safetensors").read_bytes() == (tmp_path / "second.safetensors").read_bytes()


@pytest.mark.parametrize("change", ["missing", "unknown", "noise"])
def test_load_encoder_of_another_file_raises_corrupt(tmp_path: Path, change: str) -> None:
    path = tmp_path / "image.safetensors"
    state = ImageEncoder().state_dict()
    if change == "missing":
        del state["head.weight"]
    if change == "unknown":
        state["tail.weight"] = torch.zeros(2, 2)
    write_encoder(path, state, 64)
    if change == "noise":
        path.write_bytes(b"\xff" * 100)
    with pytest.raises(Corrupt, match=r"image\.safetensors"):
        load_encoder(path)


def test_read_state_returns_what_was_written_or_none(tmp_path: Path) -> None:
    path = tmp_path / "run.pt"
    assert read_state(path, torch.device("cpu")) is None
    write_state(path, {"epoch": 3, "weights": {"a": torch.arange(3)}})
    state = read_state(path, torch.device("cpu"))
    assert state is not None
    assert state["epoch"] == 3
    assert torch.equal(state["weights"]["a"], torch.arange(3))


class _Trap:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, ("sprung",)


def test_read_state_does_not_execute_pickles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"epoch": _Trap()}, tmp_path / "run.pt")
    (tmp_path / "plain.pt").write_bytes(pickle.dumps(_Trap(), protocol=2))
    for name in ("run.pt", "plain.pt"):
        with pytest.raises(Corrupt, match=name):
            read_state(tmp_path / name, torch.device("cpu"))
    assert not (tmp_path / "sprung").exists()


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
    assert [(found.name, found.read_bytes()) for found in path.parent.iterdir()] == [("file", b"old")]


def test_load_captioned_images_reads_all_colour_modes(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    for mode in ("L", "P", "RGBA", "CMYK"):
        Image.new(mode, (9, 7)).save(tmp_path / "images" / f"{mode}.tiff")
    lines = [f'{{"image": "{mode}.tiff", "captions": ["A wall ."], "split": "dev"}}\n' for mode in ("L", "P", "RGBA", "CMYK")]
    (tmp_path / "captions.jsonl").write_text("".join(lines))
    assert load_captioned_images(read_captioned_images(tmp_path, "dev"), 8).shape == (4, 8, 8, 3)
