"""Fit the calibration of a larger space on captioned images: calibrators of images, and the floor.

Those of speech and names are taken from `lite`, whose sentence encoder the larger space uses for
both.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from mm.data.captioned_images import CaptionedImage, read_captioned_images, read_image
from mm.data.query_texts import read_split_lines
from mm.evaluation.near_duplicate_threshold import choose_threshold
from mm.metrics.rejection import Scores, choose_floor, split_scores
from mm.numerics import Float64, sigmoid
from mm.spaces.calibration import Bank, Calibration, Calibrator, ComponentCalibrator
from mm.spaces.openclip_space import OpenClipSpace
from mm.spaces.scoring import compute_logits
from mm.spaces.types import Vectors
from mm.training.array_cache import load_or_compute
from mm.training.calibration.calibrators import fit_calibrator, round_coefficients, shift_prior
from mm.training.calibration.fit import OnProgress, fit_image_mixing, log_depictability
from mm.training.calibration.library import NUM_VIEWS, Library, Spoken, Transform, make_view_transform
from mm.training.calibration.queries import pair_images_with_images, pair_texts_with_images
from mm.training.calibration.report import describe_floor, write_calibration

BATCH = 64
"""Images in memory at once."""


@dataclass(frozen=True, slots=True)
class OpenClipCalibrationConfig:
    """The defaults are those of the calibration of `lite`."""

    data: Path  # captioned images with the splits train and dev
    out: Path  # folder for calibration, bank and trade-off
    cache: Path  # folder for cached vectors
    texts: Path = Path("datasets")  # folder with the set `unanswerable`
    prior: float = 0.02
    bank_images: int = 1000
    kept: float = 0.95
    rejected: float = 0.95
    seed: int = 0


def fit_openclip_calibration(space: OpenClipSpace, config: OpenClipCalibrationConfig, on_progress: OnProgress) -> Path:
    """Fit and write the calibration; return its path. Raises `InvalidInput` for unreadable data."""
    unanswerable = read_split_lines(config.texts / "unanswerable" / "questions.txt", "dev")
    library = _load(space, config, on_progress)
    bank = space.lite.bank.with_images(library.bank.astype(np.float16))
    sentences = space.sentences.embed(library.captions)
    log_depictabilities = log_depictability(sentences, bank)
    on_progress("calibrators")
    with_sentences = replace(library, caption_vectors=sentences)  # captions are compared by the sentence encoder
    by_text = fit_calibrator(
        [(pair_texts_with_images(library, space.text.embed, config.seed), bank.images)], depictability_weight=1.0
    )
    by_image, by_clip = (
        fit_calibrator([(pair_images_with_images(with_sentences, num_views), bank.images)]) for num_views in (1, NUM_VIEWS)
    )
    mixing = fit_image_mixing(library, bank, by_text, by_image, log_depictabilities)
    fitted_prior = 1 / len(library.images)
    by_text, by_image, by_clip = (
        round_coefficients(shift_prior(calibrator, fitted_prior, config.prior)) for calibrator in (by_text, by_image, by_clip)
    )
    on_progress("score thresholds")
    of_captions = _probabilities(by_text, library.caption_vectors, library, bank, log_depictabilities)
    relevant, removed = split_scores(of_captions, library.image_of_caption)
    log_depictabilities = log_depictability(space.sentences.embed(unanswerable), bank)
    of_unanswerable = _probabilities(by_text, space.text.embed(unanswerable), library, bank, log_depictabilities)
    scores = Scores(relevant, of_unanswerable.max(1), removed)
    floor = float(np.format_float_scientific(choose_floor(scores, config.kept, config.rejected), 2))
    calibration = Calibration(
        space=str(space.id),
        image_weights=space.weights_hash,
        prior=config.prior,
        floor=floor,
        possible=min(config.prior, floor),
        near_duplicate_cosine=choose_threshold(library.images),
        evidence_weight=round(mixing, 3),
        calibrators=(
            ComponentCalibrator(component="text", kind="picture", calibrator=by_text),
            ComponentCalibrator(component="picture", kind="picture", calibrator=by_image),
            ComponentCalibrator(component="clip", kind="picture", calibrator=by_clip),
            *(entry for entry in space.lite.calibration.calibrators if entry.kind != "picture"),
        ),
    )
    path = write_calibration(config.out, calibration, bank.tensors, scores)
    on_progress(describe_floor(scores, calibration.floor))
    return path


def _load(space: OpenClipSpace, config: OpenClipCalibrationConfig, on_progress: OnProgress) -> Library:
    dev, train = read_captioned_images(config.data, "dev"), read_captioned_images(config.data, "train")
    order = np.random.default_rng(config.seed).permutation(len(train))[: config.bank_images]
    on_progress(f"{len(dev)} images of dev")
    images = _embed_images(space, config, dev, "whole")
    on_progress(f"{NUM_VIEWS} views of each")
    views = [
        _embed_images(space, config, dev, f"view {view} {config.seed}", make_view_transform(view, config.seed))
        for view in range(NUM_VIEWS)
    ]
    on_progress(f"{len(order)} images of train for the bank")
    bank = _embed_images(space, config, [train[index] for index in order], "whole")
    on_progress("captions")
    captions = [caption for row in dev for caption in row.captions]
    return Library(
        images,
        np.stack(views, axis=1),
        bank,
        captions,
        space.text.embed(captions),
        np.repeat(np.arange(len(dev)), [len(row.captions) for row in dev]),
        [],
        Spoken(np.zeros((0, space.sentences.dim), np.float32), np.zeros(0, np.int64), [], []),
    )


def _embed_images(
    space: OpenClipSpace,
    config: OpenClipCalibrationConfig,
    rows: Sequence[CaptionedImage],
    name: str,
    transform: Transform = lambda _, image: image,
) -> Vectors:
    """Unit rows (N, D) of transformed images at their own size, cached."""
    paths = [str(row.path.resolve()) for row in rows]
    key = hashlib.sha256(f"{space.id} {name} {paths}".encode()).hexdigest()[:16]

    def compute() -> Vectors:
        parts = []
        for start in range(0, len(rows), BATCH):
            images = [read_image(row.path) for row in rows[start : start + BATCH]]
            parts.append(space.image.embed([transform(start + offset, image) for offset, image in enumerate(images)]))
        return np.concatenate(parts)

    return load_or_compute(config.cache / f"pictures-{key}.npy", compute)


def _probabilities(
    calibrator: Calibrator, queries: Vectors, library: Library, bank: Bank, log_depictabilities: Float64
) -> Float64:
    """Probabilities (Q, N) of the images of dev."""
    return sigmoid(compute_logits(calibrator, queries, library.images, bank.images, log_depictabilities))
