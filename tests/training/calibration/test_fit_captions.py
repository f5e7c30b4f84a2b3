"""The calibrator of captions, fitted beside that of images on generated vectors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from mm.cli.main import main
from mm.data.language.generated_captions import write_generated_captions
from mm.errors import InvalidInput
from mm.generation.caption_ranking import GeneratedCaption
from mm.numerics import Float64, normalize_rows, sigmoid
from mm.spaces.calibration import read_caption_calibration
from mm.spaces.scoring import compute_logits
from mm.training.calibration.calibrators import LabelledPairs
from mm.training.calibration.fit_captions import fit_beside
from tests.models.language.additions_files import write_random_additions

DIM, NUM_IMAGES, PER_IMAGE, PRIOR = 24, 120, 3, 0.02
RANDOM = np.random.default_rng(0)
CONTENT = RANDOM.normal(size=(NUM_IMAGES, DIM)).astype(np.float32)
BANK = normalize_rows(RANDOM.normal(size=(200, DIM)).astype(np.float32))
OWN = np.repeat(np.arange(NUM_IMAGES), PER_IMAGE)[:, None] == np.arange(NUM_IMAGES)


def view(noise: float, repeats: int = 1) -> np.ndarray:
    """Vectors of the contents with noise."""
    rows = np.repeat(CONTENT, repeats, 0)
    return normalize_rows((rows + noise * RANDOM.normal(size=rows.shape)).astype(np.float32))


QUERIES = view(1.0, PER_IMAGE)


def fuse(*logits: Float64) -> Float64:
    fused: Float64 = -np.expm1(-sum(np.logaddexp(0.0, entry) for entry in logits))
    return fused


def loss(probability: Float64) -> float:
    """Log loss at the prior of the fit, the relevant pairs weighted up to it."""
    weight = np.where(OWN, PRIOR / (1 - PRIOR) * (~OWN).sum() / OWN.sum(), 1.0)
    return float(-(weight * np.log(np.where(OWN, probability, 1 - probability))).sum() / weight.sum())


def fit(pairs: LabelledPairs, image_logits: Float64) -> Float64:
    """Log-odds of the captions by the fitted calibrator."""
    calibrator = fit_beside(pairs, image_logits, BANK, np.zeros(len(pairs.queries)), PRIOR)
    return compute_logits(calibrator, pairs.queries, pairs.evidence, BANK)


def test_fit_beside_is_a_minimum_of_the_fused_loss() -> None:
    images, captions = view(1.2), view(1.0)
    image_logits = 8.0 * (QUERIES @ images.T).astype(np.float64) - 5.0
    logits = fit(LabelledPairs(QUERIES, captions, OWN), image_logits)
    fitted = loss(fuse(image_logits, logits))
    assert fitted < loss(fuse(image_logits, np.full_like(logits, -20.0))) - 0.005, "captions that fit add something"
    for factor, shift in ((1.0, 0.1), (1.0, -0.1), (1.03, 0.0), (0.97, 0.0)):
        assert loss(fuse(image_logits, factor * logits + shift)) > fitted


def test_fit_beside_of_captions_without_information_adds_next_to_nothing() -> None:
    images = view(1.0)
    captions = normalize_rows(RANDOM.normal(size=(NUM_IMAGES, DIM)).astype(np.float32))
    image_logits = 8.0 * (QUERIES @ images.T).astype(np.float64) - 5.0
    logits = fit(LabelledPairs(QUERIES, captions, OWN), image_logits)
    assert float(sigmoid(logits).mean()) < 0.2 * PRIOR


def test_fit_beside_of_an_uncounted_pair_ignores_it() -> None:
    images, captions = view(1.2), view(1.0)
    image_logits = 8.0 * (QUERIES @ images.T).astype(np.float64) - 5.0
    wrong = OWN.copy()
    wrong[:, 0] = True
    is_counted = np.ones_like(OWN)
    is_counted[:, 0] = False
    with_wrong = fit(LabelledPairs(QUERIES, captions, wrong, is_counted), image_logits)
    without = fit(LabelledPairs(QUERIES, captions, OWN, is_counted), image_logits)
    assert with_wrong == pytest.approx(without, abs=0.05)


def test_fit_beside_without_irrelevant_pairs_is_refused() -> None:
    pairs = LabelledPairs(QUERIES[:1], view(1.0)[:1], np.ones((1, 1), np.bool_))
    with pytest.raises(InvalidInput, match="relevant and irrelevant"):
        fit(pairs, np.zeros((1, 1)))


def write_captions(path: Path, names: dict[int, str]) -> Path:
    captions = {f"{number}.png": GeneratedCaption(text, -number / 20) for number, text in names.items()}
    write_generated_captions(path, captions)
    return path


def test_train_calibrate_captions_writes_a_calibration_of_the_weights(captioned_folder: Path, tmp_path: Path) -> None:
    weights, out = tmp_path / "additions.safetensors", tmp_path / "captions.json"
    write_random_additions(weights)
    captions = write_captions(tmp_path / "written.json", {12: "A red wall.", 13: "A dog in front of a green wall."})
    others = write_captions(tmp_path / "others.json", {14: "A blue dog.", 15: "A wall."})
    arguments = ["train", "calibrate-captions", "--data", str(captioned_folder), "--weights", str(weights), "--out", str(out)]
    arguments += ["--captions", str(captions)]
    result = CliRunner().invoke(main, [*arguments, "--other-data", str(captioned_folder), "--other-captions", str(others)])
    assert result.exit_code == 0, result.output
    calibration = read_caption_calibration(out)
    assert calibration is not None
    assert [(entry.component, entry.kind) for entry in calibration.calibrators] == [("text", "caption")]
    assert calibration.calibrators[0].calibrator.z_score != 0.0
    assert calibration.confidence.similarity != 0.0
    alone = CliRunner().invoke(main, [*arguments, "--other-data", str(captioned_folder)])
    assert alone.exit_code == 1
    assert "belong together" in alone.output
    write_captions(captions, {})
    refused = CliRunner().invoke(main, arguments)
    assert refused.exit_code == 1
    assert "no caption of an image" in refused.output
