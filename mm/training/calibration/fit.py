"""Fit a space's calibration on dev: what its cosines mean, and the floor below which nothing
matches.

Writes `calibration.json` and `bank.safetensors`, which ship with the space, and the trade-off of
the floor as `floor.svg` and `floor.md`, into the output folder. Minutes on two cores; vectors are
kept there, so that the next run takes seconds.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
from open_clip import IMAGENET_CLASSNAMES
from safetensors.numpy import save

from mm.data.query_texts import read_split_lines
from mm.evaluation.near_duplicate_threshold import choose_threshold
from mm.files import open_atomic
from mm.metrics.rejection import Scores, TradeOff, choose_floor, right_and_taken_out, trade_off
from mm.numerics import Float64, sigmoid
from mm.spaces.calibration import Bank, Calibration, Calibrator, ComponentCalibrator
from mm.spaces.scoring import compute_logits, depictable
from mm.spaces.types import Vectors
from mm.training.calibration.data import Encoder, Library, load_library
from mm.training.calibration.depictability import Group, fit_depictable, text_groups
from mm.training.calibration.forms import fit_form, fit_mixing, round_coefficients, shift_prior
from mm.training.calibration.queries import pictures_for_pictures, words_for_names, words_for_pictures, words_for_speech
from mm.training.calibration.recipe import CalibrationConfig
from mm.training.calibration.report import write_report

NAMES_THAT_TELL = 0.1
"""Share of file names that are trusted to say what is in the file. An assumption: no data here has
names that people gave."""

OnProgress = Callable[[str], None]
"""Told what is being done, a line for a person."""


def fit_calibration(config: CalibrationConfig, on_progress: OnProgress) -> Path:
    """Fit and write; returns the path of the calibration. Raises `InvalidInput` for data that
    cannot be read."""
    encoder = Encoder(config)
    library = load_library(config, encoder, on_progress)
    on_progress("what can be shown")
    groups = text_groups(config, library.train_captions, IMAGENET_CLASSNAMES)
    tensors: dict[str, npt.NDArray[np.generic]] = {
        "pictures": library.bank.astype(np.float16),
        "sentences": encoder.texts(_sentences(config, library, groups)).astype(np.float16),
        "depictable": fit_depictable(groups, encoder.texts),
    }
    bank = Bank(tensors)
    on_progress("forms")
    seen = 1 / len(library.pictures)
    fitted = _fit_forms(config, encoder, library, bank, groups)
    mixing = _fit_mixing(library, bank, fitted)
    forms = [
        entry.model_copy(update={"calibrator": round_coefficients(shift_prior(entry.calibrator, seen, config.prior))})
        for entry in fitted
    ]
    on_progress("floor")
    unanswerable = read_split_lines(config.texts / "unanswerable" / "questions.txt", "dev")
    scores = _scores(library, bank, forms[0].calibrator, encoder.texts(unanswerable))
    floor = float(np.format_float_scientific(choose_floor(scores, config.kept, config.rejected), 2))
    calibration = Calibration(
        space=config.space,
        image_weights=encoder.image_key,
        prior=config.prior,
        floor=floor,
        possible=min(config.prior, floor),
        near_duplicate_cosine=choose_threshold(library.pictures),
        evidence_weight=round(mixing, 3),
        calibrators=tuple(forms),
    )
    write_report(config.out, scores, calibration.floor)
    with open_atomic(config.out / "bank.safetensors") as file:
        file.write(save(tensors))
    with open_atomic(config.out / "calibration.json") as file:
        file.write((calibration.model_dump_json(indent=2) + "\n").encode())
    on_progress(line(trade_off(scores, calibration.floor)))
    return config.out / "calibration.json"


def _sentences(config: CalibrationConfig, library: Library, groups: list[Group]) -> list[str]:
    """Reference sentences: half descriptions, half of what is never seen, for speech is about
    both."""
    half = config.bank_sentences // 2
    unshown = [text for group in groups if not group.shown for text in group.texts][: config.bank_sentences - half]
    return [*library.train_captions[:half], *unshown]


def _fit_forms(
    config: CalibrationConfig, encoder: Encoder, library: Library, bank: Bank, groups: list[Group]
) -> list[ComponentCalibrator]:
    """Words for pictures first."""
    unanswered = [text for group in groups if not group.shown for text in group.texts]
    embed = encoder.texts
    speech = fit_form(words_for_speech(library.spoken, unanswered, embed, config.seed), bank.sentences)
    names = fit_form(words_for_names(library, unanswered, embed), bank.sentences)
    return [
        ComponentCalibrator(
            component="text",
            kind="picture",
            calibrator=fit_form(words_for_pictures(library, embed, config.seed), bank.images, depictable=1.0),
        ),
        ComponentCalibrator(component="text", kind="speech", calibrator=speech),
        ComponentCalibrator(component="text", kind="name", calibrator=_doubted(names)),
        ComponentCalibrator(
            component="picture", kind="picture", calibrator=fit_form(pictures_for_pictures(library, 1), bank.images)
        ),
        ComponentCalibrator(
            component="clip", kind="picture", calibrator=fit_form(pictures_for_pictures(library, 3), bank.images)
        ),
        ComponentCalibrator(component="sound", kind="speech", calibrator=speech),  # it asks with the words heard in it
    ]


def _fit_mixing(library: Library, bank: Bank, forms: list[ComponentCalibrator]) -> float:
    """Another view of a picture, with its first caption, asks for the picture."""
    first = np.array([int(np.flatnonzero(library.picture_of_caption == row)[0]) for row in range(len(library.pictures))])
    words, picture = forms[0].calibrator, forms[3].calibrator
    captions = library.caption_vectors[first]
    shown = np.array([depictable(caption, bank) for caption in captions])
    looks = [
        compute_logits(words, captions, library.pictures, bank.images, shown),
        compute_logits(picture, library.views[:, 0], library.pictures, bank.images),
    ]
    return fit_mixing(looks, np.eye(len(first), dtype=np.bool_), 1 / len(first))


def _scores(library: Library, bank: Bank, form: Calibrator, unanswerable: Vectors) -> Scores:
    """Probabilities of captions and of unanswerable questions over the pictures of dev."""

    def chances(questions: Vectors) -> Float64:
        shown = np.array([depictable(question, bank) for question in questions])
        return sigmoid(compute_logits(form, questions, library.pictures, bank.images, shown))

    right, taken_out = right_and_taken_out(chances(library.caption_vectors), library.picture_of_caption)
    return Scores(right, chances(unanswerable).max(1), taken_out)


def _doubted(names: Calibrator) -> Calibrator:
    """The form of names that were made of captions, for names of files: most of those say little of
    what is seen."""
    return names.model_copy(update={"bias": names.bias + float(np.log(NAMES_THAT_TELL))})


def line(point: TradeOff) -> str:
    return (
        f"floor {point.floor:.3g}: keeps {point.kept:.1%} of the right answers among the top 5, rejects {point.rejected:.1%} "
        f"of the unanswerable questions, and {point.rejected_taken_out:.1%} of the captions whose picture was taken out"
    )
