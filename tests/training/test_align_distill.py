"""What teachers and students add to plain contrast: levers, rates by layer, pseudo-captions, answers kept for repeating views."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from mm.errors import InvalidInput
from mm.models.efficientnet_lite_torch import ImageEncoder
from mm.training.align_config import AlignConfig
from mm.training.align_data import CaptionedTensors, load_unlabeled, pseudo_captioned
from mm.training.align_losses import Contrast, ranking_divergence
from mm.training.align_rates import decay_groups
from mm.training.align_start import imagenet_encoder
from mm.training.align_student import Ensemble, StudentRun
from mm.training.augment import disturb

pytestmark = pytest.mark.usefixtures("one_thread")


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def unit(*shape: int, seed: int = 0) -> torch.Tensor:
    return functional.normalize(torch.randn(*shape, generator=generator(seed)), dim=-1)


def test_captions_that_say_the_same_are_no_negatives() -> None:
    """Two pictures with one caption between them: what is left to tell apart is the third."""
    pictures_ND, captions_ND = unit(3, 8), unit(3, 8, seed=1)
    captions_ND[1] = captions_ND[0]
    found = float(Contrast(0.99, scale=10)(pictures_ND, captions_ND).detach())
    logits = 10 * pictures_ND @ captions_ND.T
    pairs = [(0, [0, 2]), (1, [1, 2]), (2, [0, 1, 2])]
    plain = 0.0
    for n, others in pairs:
        plain -= float(logits[n, n] - logits[n, others].logsumexp(0) + logits[n, n] - logits[others, n].logsumexp(0)) / 6
    assert found == pytest.approx(plain, rel=1e-5)
    assert found < float(Contrast(scale=10)(pictures_ND, captions_ND).detach())


def test_rankings_diverge_only_where_they_differ() -> None:
    pictures_ND, captions_SD = unit(4, 8), unit(6, 8, seed=1)
    assert float(ranking_divergence(pictures_ND, pictures_ND, captions_SD, 20)) == pytest.approx(0, abs=1e-5)
    assert float(ranking_divergence(pictures_ND, pictures_ND.flip(0), captions_SD, 20)) > 0.1


@settings(max_examples=20)
@given(seed=st.integers(0, 2**40), length=st.floats(0.05, 0.6))
def test_noise_moves_a_caption_by_about_its_length(seed: int, length: float) -> None:
    vectors_ND = unit(64, 384)
    moved_ND = disturb(vectors_ND, length, generator(seed))
    assert torch.allclose(moved_ND.norm(dim=1), torch.ones(64))
    assert float((moved_ND * vectors_ND).sum(1).mean()) == pytest.approx((1 + length**2) ** -0.5, abs=0.02)


def test_no_noise_moves_nothing() -> None:
    vectors_ND = unit(3, 8)
    assert disturb(vectors_ND, 0, generator(0)) is vectors_ND


@pytest.mark.parametrize("layer_decay", [1.0, 0.5])
def test_each_weight_learns_at_the_rate_of_its_stage(layer_decay: float) -> None:
    encoder, contrast = ImageEncoder(), Contrast()
    groups = decay_groups(encoder, [contrast.log_scale], 1e-3, 0.2, layer_decay)
    rate_of = {id(weight): group["highest"] for group in groups for weight in group["params"]}
    wanted = [weight for weight in encoder.parameters() if weight.requires_grad] + [contrast.log_scale]
    assert sum(len(group["params"]) for group in groups) == len(wanted)
    assert rate_of.keys() == {id(weight) for weight in wanted}
    path = [encoder.stem, *encoder.blocks, encoder.top]
    rates = [rate_of[id(part.norm.weight if hasattr(part, "norm") else part.project.norm.weight)] for part in path]
    rates.append(rate_of[id(encoder.head.weight)])
    assert rates == sorted(rates)
    assert rates[-1] == 1e-3
    assert len(set(rates)) == (1 if layer_decay == 1 else 9)  # seven stages, the first with the stem; top; head
    assert rates[0] == pytest.approx(1e-3 * layer_decay**8)
    for group in groups:
        assert all((weight.ndim > 1) == (group["weight_decay"] > 0) for weight in group["params"])


def test_paths_are_dropped_in_training_alone() -> None:
    torch.manual_seed(0)
    plain, dropping = ImageEncoder(), ImageEncoder(drop_path=0.9)
    dropping.load_state_dict(plain.state_dict())
    pixels = torch.randint(0, 256, (2, 3, 32, 32), generator=generator(0)).float()
    with torch.no_grad():
        assert torch.equal(plain.eval()(pixels), dropping.eval()(pixels))
        assert not torch.equal(plain.train().features(pixels), dropping.train().features(pixels))


def test_a_picture_without_a_caption_is_told_by_the_classes_that_are_seen() -> None:
    class_vectors_KD = unit(1000, 384)
    encoder = imagenet_encoder(class_vectors_KD).eval()
    pictures = torch.randint(0, 256, (3, 32, 32, 3), generator=generator(0), dtype=torch.uint8)
    found = pseudo_captioned(pictures, encoder, class_vectors_KD, 32, batch=2)
    with torch.no_grad():
        logits = encoder.classes(encoder.features(pictures.permute(0, 3, 1, 2).float()))
    expected = functional.normalize(logits.softmax(1) @ class_vectors_KD, dim=1)
    assert torch.allclose(found.captions[:, 0], expected, atol=1e-5)
    joined = CaptionedTensors(pictures, unit(3, 5, 384)).joined(found)
    assert joined.captions.shape == (6, 5, 384)
    assert torch.equal(joined.captions[4, 3], found.captions[1, 0])


def test_a_folder_of_pictures_is_read_by_name(captioned_folder: Path, tmp_path: Path) -> None:
    assert load_unlabeled(captioned_folder / "images", 8, torch.device("cpu")).shape == (16, 8, 8, 3)
    for folder in (tmp_path, tmp_path / "missing"):
        with pytest.raises(InvalidInput, match="has no pictures"):
            load_unlabeled(folder, 8, torch.device("cpu"))


class Fixed(ImageEncoder):
    """Answers with the same vectors, and counts how often it was asked."""

    def __init__(self, vectors_ND: torch.Tensor) -> None:
        super().__init__()
        self.vectors_ND, self.asked = vectors_ND, 0

    def forward(self, pixels_NCHW: torch.Tensor) -> torch.Tensor:
        self.asked += 1
        return self.vectors_ND


def test_an_ensemble_answers_with_the_mean_and_once_for_a_view() -> None:
    members = [Fixed(unit(2, 384, seed=seed)) for seed in (0, 1)]
    ensemble = Ensemble(members, ImageEncoder().eval(), 20.0)
    pixels = torch.zeros(2, 3, 32, 32)
    with torch.no_grad():
        vectors_ND, _ = ensemble.answer(pixels, (0, 0, 0))
        assert ensemble.answer(pixels, (0, 0, 0))[0] is vectors_ND
    assert [member.asked for member in members] == [1, 1]
    expected = functional.normalize(members[0].vectors_ND + members[1].vectors_ND, dim=1)
    np.testing.assert_allclose(vectors_ND.float(), expected, atol=1e-3)


def test_every_view_comes_once_a_cycle_in_an_order_of_the_student_s_own(tmp_path: Path) -> None:
    config = AlignConfig(tmp_path, tmp_path, batch=2, size=32, repeats=8, student_epochs=16)
    train = CaptionedTensors(torch.zeros(4, 32, 32, 3, dtype=torch.uint8), unit(4, 2, 384))
    ensemble = Ensemble([ImageEncoder().eval()], ImageEncoder().eval(), 20.0)
    orders = []
    for seed in (0, 1):
        run = StudentRun(config, seed, train, train.captions[:, 0], ensemble, ImageEncoder(), {}, torch.device("cpu"))
        seen = []
        for run.epoch in range(16):
            seen.append(run.view)
        assert sorted(seen[:8]) == sorted(seen[8:]) == list(range(8))
        orders.append(seen)
    assert orders[0] != orders[1]
    assert orders[0][:8] != orders[0][8:]
