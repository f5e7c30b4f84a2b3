"""Fit the scores of a larger space on captioned pictures: what its cosines mean, and the floor
below which nothing matches.

Speech and names need no fit: a larger space compares them by the sentence encoder of `lite`, whose
forms and reference sentences are taken over.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image
from safetensors.numpy import save

from mm.data.captioned_images import CaptionedImage, read_captioned_images
from mm.data.query_texts import read_split_lines
from mm.errors import InvalidInput
from mm.evaluation.near_duplicate_threshold import choose_threshold
from mm.files import open_atomic
from mm.media.types import RGB
from mm.metrics.rejection import Scores, choose_floor, right_and_taken_out, trade_off
from mm.numerics import Float64, sigmoid
from mm.spaces.calibration import Bank, Calibration, Calibrator, ComponentCalibrator
from mm.spaces.openclip_space import OpenClipSpace
from mm.spaces.scoring import compute_logits, depictable
from mm.spaces.types import Vectors
from mm.training.calibration.data import VIEWS, Library, Spoken, viewer
from mm.training.calibration.fit import OnProgress, line
from mm.training.calibration.forms import fit_form, fit_mixing, round_coefficients, shift_prior
from mm.training.calibration.queries import pictures_for_pictures, words_for_pictures
from mm.training.calibration.report import write_report

HELD = 64
"""Pictures that are in memory at once."""


@dataclass(frozen=True, slots=True)
class OpenClipCalibrationConfig:
    """Defaults are those of the calibration of `lite`."""

    data: Path  # captioned pictures with the splits train and dev
    out: Path  # folder that calibration, reference vectors and curve go to
    cache: Path  # folder that vectors are kept in between runs
    texts: Path = Path("datasets")  # folder with the set `unanswerable`
    prior: float = 0.02
    bank_pictures: int = 1000
    kept: float = 0.95
    rejected: float = 0.95
    seed: int = 0


def fit_openclip_calibration(space: OpenClipSpace, config: OpenClipCalibrationConfig, on_progress: OnProgress) -> Path:
    """Fit and write; returns the path of the calibration. Raises `InvalidInput` for data that
    cannot be read."""
    unanswerable = read_split_lines(config.texts / "unanswerable" / "questions.txt", "dev")
    library = _load(space, config, on_progress)
    lite, lite_bank = space.lite.calibration, space.lite.bank
    bank = lite_bank.with_images(library.bank.astype(np.float16))
    sentences = space.sentences.embed(library.captions)
    shown = _shown(sentences, bank)
    on_progress("forms")
    described = replace(library, caption_vectors=sentences)  # 'nearly the same words' is a matter of sentences
    words = fit_form(words_for_pictures(library, space.text.embed, config.seed), bank.images, depictable=1.0)
    picture, clip = (fit_form(pictures_for_pictures(described, views), bank.images) for views in (1, VIEWS))
    mixing = _fit_mixing(library, bank, words, picture, shown)
    seen = 1 / len(library.pictures)
    words, picture, clip = (round_coefficients(shift_prior(form, seen, config.prior)) for form in (words, picture, clip))
    on_progress("floor")
    right, taken_out = right_and_taken_out(
        _chances(words, library.caption_vectors, library, bank, shown), library.picture_of_caption
    )
    asked = _shown(space.sentences.embed(unanswerable), bank)
    scores = Scores(right, _chances(words, space.text.embed(unanswerable), library, bank, asked).max(1), taken_out)
    floor = float(np.format_float_scientific(choose_floor(scores, config.kept, config.rejected), 2))
    calibration = Calibration(
        space=str(space.id),
        image_weights=space.weights_hash,
        prior=config.prior,
        floor=floor,
        possible=min(config.prior, floor),
        near_duplicate_cosine=choose_threshold(library.pictures),
        evidence_weight=round(mixing, 3),
        calibrators=(
            ComponentCalibrator(component="text", kind="picture", calibrator=words),
            ComponentCalibrator(component="picture", kind="picture", calibrator=picture),
            ComponentCalibrator(component="clip", kind="picture", calibrator=clip),
            *(entry for entry in lite.calibrators if entry.kind != "picture"),
        ),
    )
    write_report(config.out, scores, calibration.floor)
    with open_atomic(config.out / "bank.safetensors") as file:
        file.write(save(bank.tensors))
    with open_atomic(config.out / "calibration.json") as file:  # last: with it the space counts as calibrated
        file.write((calibration.model_dump_json(indent=2) + "\n").encode())
    on_progress(line(trade_off(scores, calibration.floor)))
    return config.out / "calibration.json"


def _load(space: OpenClipSpace, config: OpenClipCalibrationConfig, told: OnProgress) -> Library:
    dev, train = read_captioned_images(config.data, "dev"), read_captioned_images(config.data, "train")
    order = np.random.default_rng(config.seed).permutation(len(train))[: config.bank_pictures]
    told(f"{len(dev)} pictures of dev")
    pictures = _pictures(space, config, dev, "whole")
    told(f"{VIEWS} other views of each")
    views = [_pictures(space, config, dev, f"view {view} {config.seed}", viewer(view, config.seed)) for view in range(VIEWS)]
    told(f"{len(order)} reference pictures of train")
    bank = _pictures(space, config, [train[index] for index in order], "whole")
    told("captions")
    captions = [caption for row in dev for caption in row.captions]
    return Library(
        pictures,
        np.stack(views, axis=1),
        bank,
        captions,
        space.text.embed(captions),
        np.repeat(np.arange(len(dev)), [len(row.captions) for row in dev]),
        [],
        Spoken(np.zeros((0, space.sentences.dim), np.float32), np.zeros(0, np.int64), [], []),
    )


def _pictures(
    space: OpenClipSpace,
    config: OpenClipCalibrationConfig,
    rows: Sequence[CaptionedImage],
    what: str,
    change: Callable[[int, RGB], RGB] = lambda _, picture: picture,
) -> Vectors:
    """Unit rows (N, D) of the pictures as they are, each changed first; kept between runs."""
    names = [str(row.path.resolve()) for row in rows]
    key = hashlib.sha256(f"{space.id} {what} {names}".encode()).hexdigest()[:16]
    path = config.cache / f"pictures-{key}.npy"
    if not path.exists():
        parts = [
            space.image.embed([change(first + offset, _read(row.path)) for offset, row in enumerate(rows[first : first + HELD])])
            for first in range(0, len(rows), HELD)
        ]
        with open_atomic(path) as file:
            np.save(file, np.concatenate(parts))
    vectors: Vectors = np.load(path)
    return vectors


def _read(path: Path) -> RGB:
    try:
        with Image.open(path) as image:
            return np.asarray(image.convert("RGB"))
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read as a picture: {error}.") from error


def _shown(sentences: Vectors, bank: Bank) -> Float64:
    """Log-probability (N,) that each sentence asks for something that a picture can show."""
    return np.array([depictable(sentence, bank) for sentence in sentences])


def _chances(form: Calibrator, questions: Vectors, library: Library, bank: Bank, shown: Float64) -> Float64:
    """Probabilities (Q, N) of the pictures of dev."""
    return sigmoid(compute_logits(form, questions, library.pictures, bank.images, shown))


def _fit_mixing(library: Library, bank: Bank, words: Calibrator, picture: Calibrator, shown: Float64) -> float:
    """Another view of a picture, with its first caption, asks for the picture."""
    first = np.array([int(np.flatnonzero(library.picture_of_caption == row)[0]) for row in range(len(library.pictures))])
    looks = [
        compute_logits(words, library.caption_vectors[first], library.pictures, bank.images, shown[first]),
        compute_logits(picture, library.views[:, 0], library.pictures, bank.images),
    ]
    return fit_mixing(looks, np.eye(len(first), dtype=np.bool_), 1 / len(first))
