"""Fit the calibration of `lite` on dev: calibrators, and the floor below which no hit is likely.

Writes `calibration.json` and `bank.safetensors`, which ship with the space, and the trade-off of
the floor as `floor.svg` and `floor.md`, into the output folder. Takes minutes on two cores, and
seconds with the vectors cached.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
from open_clip import IMAGENET_CLASSNAMES

from mm.data.query_texts import read_split_lines
from mm.evaluation.near_duplicate_threshold import choose_threshold
from mm.metrics.rejection import Scores, choose_floor, split_scores
from mm.numerics import Float64, sigmoid
from mm.spaces.calibration import Bank, Calibration, Calibrator, ComponentCalibrator
from mm.spaces.scoring import compute_logits, depictable
from mm.spaces.types import Vectors
from mm.training.calibration.calibrators import fit_calibrator, fit_mixing_factor, round_coefficients, shift_prior
from mm.training.calibration.depictability import TextGroup, collect_text_groups, fit_text_classifier
from mm.training.calibration.library import NUM_VIEWS, CachedEncoder, Library, load_library
from mm.training.calibration.queries import (
    pair_images_with_images,
    pair_texts_with_images,
    pair_texts_with_names,
    pair_texts_with_speech,
)
from mm.training.calibration.recipe import CalibrationConfig
from mm.training.calibration.report import describe_floor, write_calibration

INFORMATIVE_NAMES = 0.1
"""Assumed share of file names that describe the file; no data here has names given by users."""

OnProgress = Callable[[str], None]
"""Called with a line of text."""


def fit_calibration(config: CalibrationConfig, on_progress: OnProgress) -> Path:
    """Fit and write the calibration; return its path. Raises `InvalidInput` for unreadable data."""
    encoder = CachedEncoder(config)
    library = load_library(config, encoder, on_progress)
    on_progress("depictability of texts")
    groups = collect_text_groups(config, library.train_captions, IMAGENET_CLASSNAMES)
    tensors: dict[str, npt.NDArray[np.generic]] = {
        "pictures": library.bank.astype(np.float16),
        "sentences": encoder.embed_texts(_bank_sentences(config, library, groups)).astype(np.float16),
        "depictable": fit_text_classifier(groups, encoder.embed_texts),
    }
    bank = Bank(tensors)
    on_progress("calibrators")
    fitted = _fit_calibrators(config, encoder, library, bank, groups)
    calibrators = {(entry.component, entry.kind): entry.calibrator for entry in fitted}
    by_text, by_image = calibrators["text", "picture"], calibrators["picture", "picture"]
    mixing = fit_image_mixing(library, bank, by_text, by_image, log_depictability(library.caption_vectors, bank))
    fitted_prior = 1 / len(library.images)
    shifted = [
        entry.model_copy(update={"calibrator": round_coefficients(shift_prior(entry.calibrator, fitted_prior, config.prior))})
        for entry in fitted
    ]
    on_progress("score thresholds")
    unanswerable = read_split_lines(config.texts / "unanswerable" / "questions.txt", "dev")
    scores = _scores(library, bank, shifted[0].calibrator, encoder.embed_texts(unanswerable))
    floor = float(np.format_float_scientific(choose_floor(scores, config.kept, config.rejected), 2))
    calibration = Calibration(
        space=config.space,
        image_weights=encoder.image_hash,
        prior=config.prior,
        floor=floor,
        possible=min(config.prior, floor),
        near_duplicate_cosine=choose_threshold(library.images),
        evidence_weight=round(mixing, 3),
        calibrators=tuple(shifted),
    )
    path = write_calibration(config.out, calibration, tensors, scores)
    on_progress(describe_floor(scores, calibration.floor))
    return path


def fit_image_mixing(
    library: Library, bank: Bank, by_text: Calibrator, by_image: Calibrator, log_depictability_M: Float64
) -> float:
    """Fit the factor for queries of two components: a view of an image, and its first caption.

    `log_depictability_M` is of all captions.
    """
    first = np.array([int(np.flatnonzero(library.image_of_caption == row)[0]) for row in range(len(library.images))])
    logits = [
        compute_logits(by_text, library.caption_vectors[first], library.images, bank.images, log_depictability_M[first]),
        compute_logits(by_image, library.views[:, 0], library.images, bank.images),
    ]
    return fit_mixing_factor(logits, np.eye(len(first), dtype=np.bool_), 1 / len(first))


def log_depictability(sentences: Vectors, bank: Bank) -> Float64:
    """Log-probability (N,) that each sentence asks for something that an image can show."""
    return np.array([depictable(sentence, bank) for sentence in sentences])


def _bank_sentences(config: CalibrationConfig, library: Library, groups: list[TextGroup]) -> list[str]:
    """Half captions, half texts that no image shows, because speech is about both."""
    half = config.bank_sentences // 2
    negative = [text for group in groups if not group.is_positive for text in group.texts][: config.bank_sentences - half]
    return [*library.train_captions[:half], *negative]


def _fit_calibrators(
    config: CalibrationConfig, encoder: CachedEncoder, library: Library, bank: Bank, groups: list[TextGroup]
) -> list[ComponentCalibrator]:
    """Fit the calibrators of all components; that of texts for images comes first."""
    negative = [text for group in groups if not group.is_positive for text in group.texts]
    embed = encoder.embed_texts
    to_images = fit_calibrator([(pair_texts_with_images(library, embed, config.seed), bank.images)], depictability_weight=1.0)
    to_speech = fit_calibrator([(pair_texts_with_speech(library.spoken, negative, embed, config.seed), bank.sentences)])
    to_names = fit_calibrator([(pair_texts_with_names(library, negative, embed), bank.sentences)])
    by_image, by_clip = (
        fit_calibrator([(pair_images_with_images(library, num_views), bank.images)]) for num_views in (1, NUM_VIEWS)
    )
    return [
        ComponentCalibrator(component="text", kind="picture", calibrator=to_images),
        ComponentCalibrator(component="text", kind="speech", calibrator=to_speech),
        ComponentCalibrator(component="text", kind="name", calibrator=_discount_names(to_names)),
        ComponentCalibrator(component="picture", kind="picture", calibrator=by_image),
        ComponentCalibrator(component="clip", kind="picture", calibrator=by_clip),
        ComponentCalibrator(component="sound", kind="speech", calibrator=to_speech),  # by the words recognised in the audio
    ]


def _scores(library: Library, bank: Bank, calibrator: Calibrator, unanswerable: Vectors) -> Scores:
    """Probabilities of captions and of unanswerable queries over the images of dev."""

    def probabilities(queries: Vectors) -> Float64:
        log_depictabilities = log_depictability(queries, bank)
        return sigmoid(compute_logits(calibrator, queries, library.images, bank.images, log_depictabilities))

    relevant, removed = split_scores(probabilities(library.caption_vectors), library.image_of_caption)
    return Scores(relevant, probabilities(unanswerable).max(1), removed)


def _discount_names(calibrator: Calibrator) -> Calibrator:
    """Lower the odds, fitted to names made of captions, by the share of informative file names."""
    return calibrator.model_copy(update={"bias": calibrator.bias + float(np.log(INFORMATIVE_NAMES))})
