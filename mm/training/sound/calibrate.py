"""What the cosines of sounds mean: forms fitted on dev, for words, sounds and pictures that ask.

A label's sounds are scored by a run that never heard the label: what people ask for is seldom one
of ten classes. Names of arrays end in their axes: Q questions, E evidence, B bank, D dimensions, K
classes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from mm.data.query_texts import draw_keyboard_noise, phrase_as_queries, read_lines
from mm.data.sentences import embed_sentences
from mm.spaces.calibration import Calibrator, ComponentCalibrator, SoundCalibration, read_bank
from mm.spaces.lite_space import BANK
from mm.spaces.registry import WEIGHTS
from mm.spaces.scoring import compute_cosines
from mm.training.calibration.depictability import Group, fit_depictable
from mm.training.calibration.forms import Bool, LabelledPairs, round_coefficients, shift_prior
from mm.training.logistic_regression import fit_logistic
from mm.training.sound.data import TUXPAINT, Float, Sounds
from mm.training.sound.recipe import SoundConfig
from mm.training.sound.teacher_scores import Patches
from mm.training.sound.texts import read_captions, read_names

if TYPE_CHECKING:
    from mm.spaces import Space

PRIOR = 0.02
"""As of the other kinds of evidence."""
NOISE = 300
"""Lines of letters and signs that mean nothing."""
RIDGE = 1e-3

_Rows = npt.NDArray[np.int64]
Looked = tuple[LabelledPairs, Float]
"""Questions against evidence, and the bank that their standards are measured by."""


def fit_scores(
    config: SoundConfig,
    sounds: Sounds,
    patches: Patches,
    vectors_KD: Float,
    left_out: Mapping[str, Float],
    space: Space | None = None,
) -> tuple[SoundCalibration, dict[str, npt.NDArray[np.generic]]]:
    """The forms, and the tensors of the bank: the sounds of train, and what can be heard, which a
    larger space has from `lite`.

    `left_out` has for each label the vectors of a run that never heard it.
    """
    count = len(sounds.label)
    heard_ND = patches.vectors(vectors_KD, count)
    there_N = np.abs(heard_ND).sum(1) > 0
    dev = np.flatnonzero(sounds.dev & there_N)
    train = np.flatnonzero(~sounds.dev & there_N)
    by_label = {label: patches.vectors(vectors, count) for label, vectors in left_out.items()}
    words = _fitted(_words(sounds, by_label, heard_ND, dev, train), len(dev)).model_copy(update={"depictable": 1.0})
    pictures = read_bank(WEIGHTS / "lite" / BANK).images if space is None else space.bank.images
    entries = [
        ComponentCalibrator(component="text", kind="sound", calibrator=words),
        ComponentCalibrator(component="sound", kind="sound", calibrator=_fitted(_alike(sounds, by_label, dev, train), len(dev))),
    ]
    return (
        SoundCalibration(
            sound_weights=hashlib.sha256((config.out / "sound.safetensors").read_bytes()).hexdigest(),
            prior=PRIOR,
            calibrators=(*entries, *_pictured(sounds, heard_ND, dev, train, pictures)),
        ),
        {"sounds": heard_ND[train].astype(np.float16), **({"audible": _audible(config)} if space is None else {})},
    )


def _words(sounds: Sounds, by_label: Mapping[str, Float], heard_ND: Float, dev: _Rows, train: _Rows) -> list[Looked]:
    """Labels in all ways to say them, and names of Tux Paint."""
    found: list[Looked] = []
    for number, label in enumerate(sounds.labels):
        own_ND, ways_QD = by_label[label], sounds.label_vectors[number]
        right = np.tile(sounds.label[dev] == number, (len(ways_QD), 1))
        found.append((LabelledPairs(ways_QD, own_ND[dev], right), own_ND[train]))
    named = dev[(sounds.source[dev] == TUXPAINT) & (np.abs(sounds.text[dev]).sum(1) > 0)]
    if len(named):
        groups = np.array(sounds.group)
        found.append((LabelledPairs(sounds.text[named], heard_ND[dev], groups[named][:, None] == groups[dev]), heard_ND[train]))
    return found


def _alike(sounds: Sounds, by_label: Mapping[str, Float], dev: _Rows, train: _Rows) -> list[Looked]:
    """A sound asks for the others of its label."""
    found: list[Looked] = []
    for number, label in enumerate(sounds.labels):
        own_ND = by_label[label]
        asking = dev[sounds.label[dev] == number]
        itself = asking[:, None] == dev
        right = np.tile(sounds.label[dev] == number, (len(asking), 1)) & ~itself
        found.append((LabelledPairs(own_ND[asking], own_ND[dev], right, ~itself), own_ND[train]))
    return found


def _pictured(sounds: Sounds, heard_ND: Float, dev: _Rows, train: _Rows, pictures: Float) -> list[ComponentCalibrator]:
    """Sounds of Tux Paint ask for pictures, and pictures for sounds; none without that set."""
    own = dev[(sounds.source[dev] == TUXPAINT) & (np.abs(sounds.picture[dev]).sum(1) > 0)]
    if not len(own):
        return []
    groups = np.array(sounds.group)[own]
    right: Bool = groups[:, None] == groups
    shown = _fitted([(LabelledPairs(heard_ND[own], sounds.picture[own], right), pictures)], len(own))
    heard = _fitted([(LabelledPairs(sounds.picture[own], heard_ND[own], right), heard_ND[train])], len(own))
    return [
        ComponentCalibrator(component="sound", kind="picture", calibrator=shown),
        ComponentCalibrator(component="picture", kind="sound", calibrator=heard),
        ComponentCalibrator(component="clip", kind="sound", calibrator=heard),
    ]


def _fitted(looks: list[Looked], evidence: int) -> Calibrator:
    """As `fit_form`, over several sets of questions, at the prior."""
    features, rights, weights = [], [], []
    for asked, bank_BD in looks:
        cosines_QE, standards_QE = compute_cosines(asked.questions, asked.evidence, bank_BD)
        weight_QE = np.ones(cosines_QE.shape) if asked.counts is None else asked.counts.astype(np.float64)
        weights.append((weight_QE / np.where(asked.right, asked.right.sum(1, keepdims=True), 1)).ravel())
        features.append(np.stack([cosines_QE.ravel(), standards_QE.ravel()], axis=1))
        rights.append(asked.right.ravel().astype(np.float64))
    cosine, standard, bias = fit_logistic(np.concatenate(features), np.concatenate(rights), np.concatenate(weights), RIDGE)
    return round_coefficients(
        shift_prior(Calibrator(bias=float(bias), cosine=float(cosine), z_score=float(standard)), 1 / evidence, PRIOR)
    )


def _audible(config: SoundConfig) -> npt.NDArray[np.float32]:
    """Weights (D + 1,): captions and classes of sounds are audible; what no picture shows, and
    keyboard noise, are not."""
    kept = config.out / "vectors"
    captions, classes = read_captions(config.captions), read_names(config.names)
    unheard = read_lines(config.texts / "depictable" / "unshown.txt")
    groups = [
        Group(captions, True, 0.5),
        Group(phrase_as_queries(classes, 1), True, 0.5),
        Group(unheard, False, 0.5),
        Group(phrase_as_queries(unheard, 2), False, 0.25),
        Group(draw_keyboard_noise(NOISE, 0), False, 0.25),
    ]

    def embed(texts: Sequence[str]) -> Float:
        digest = hashlib.sha256("\n".join(texts).encode()).hexdigest()[:12]
        return embed_sentences(texts, kept / f"audible-{digest}.npz")

    return fit_depictable(groups, embed)
