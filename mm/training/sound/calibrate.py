"""Fits the calibration of audio on dev: of texts, audio and images as queries, by component.

Clips of a label are scored by a run without that label in its training, because most queries name
other sounds than the ten labels. Names of arrays end in their axes: Q queries, E evidence, B bank,
D dimensions, N clips, K classes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from mm.data.query_texts import draw_keyboard_noise, phrase_as_queries, read_lines
from mm.data.sentences import embed_sentences
from mm.files import hash_file
from mm.spaces.calibration import Calibrator, ComponentCalibrator, SoundCalibration, read_bank
from mm.spaces.lite_space import BANK
from mm.spaces.registry import WEIGHTS
from mm.training.calibration.calibrators import LabelledPairs, fit_calibrator, round_coefficients, shift_prior
from mm.training.calibration.depictability import TextGroup, fit_text_classifier
from mm.training.sound.data import TUXPAINT, AudioClips, Float
from mm.training.sound.recipe import SoundConfig
from mm.training.sound.teacher_scores import PatchScores
from mm.training.sound.texts import read_captions, read_names

if TYPE_CHECKING:
    from mm.spaces import Space

PRIOR = 0.02
"""The same as of the other kinds of evidence."""

_Indices = npt.NDArray[np.int64]
_PairsAndBank = tuple[LabelledPairs, Float]


def fit_sound_calibration(
    config: SoundConfig,
    clips: AudioClips,
    patches: PatchScores,
    vectors_KD: Float,
    left_out: Mapping[str, Float],
    space: Space | None = None,
) -> tuple[SoundCalibration, dict[str, npt.NDArray[np.generic]]]:
    """Fit the calibrators and the bank: vectors of clips of train, and the audibility of texts.

    `left_out` has the class vectors of a run without each label. A larger space takes the
    audibility of texts from `lite`.
    """
    num_clips = len(clips.label)
    audio_ND = patches.clip_vectors(vectors_KD, num_clips)
    is_audible_N = np.abs(audio_ND).sum(1) > 0
    dev = np.flatnonzero(clips.dev & is_audible_N)
    train = np.flatnonzero(~clips.dev & is_audible_N)
    by_label = {label: patches.clip_vectors(vectors, num_clips) for label, vectors in left_out.items()}
    by_text = _fit(_pair_texts(clips, by_label, audio_ND, dev, train), len(dev)).model_copy(update={"depictable": 1.0})
    by_audio = _fit(_pair_audio(clips, by_label, dev, train), len(dev))
    image_bank = read_bank(WEIGHTS / "lite" / BANK).images if space is None else space.bank.images
    calibration = SoundCalibration(
        sound_weights=hash_file(config.out / "sound.safetensors"),
        prior=PRIOR,
        calibrators=(
            ComponentCalibrator(component="text", kind="sound", calibrator=by_text),
            ComponentCalibrator(component="sound", kind="sound", calibrator=by_audio),
            *_fit_images(clips, audio_ND, dev, train, image_bank),
        ),
    )
    audible = {"audible": _fit_audibility(config)} if space is None else {}
    return calibration, {"sounds": audio_ND[train].astype(np.float16), **audible}


def _pair_texts(
    clips: AudioClips, by_label: Mapping[str, Float], audio_ND: Float, dev: _Indices, train: _Indices
) -> list[_PairsAndBank]:
    """Labels in all phrasings, and names of Tux Paint, as queries for clips."""
    sets: list[_PairsAndBank] = []
    for number, label in enumerate(clips.labels):
        own_ND, phrasings_QD = by_label[label], clips.label_vectors[number]
        relevant = np.tile(clips.label[dev] == number, (len(phrasings_QD), 1))
        sets.append((LabelledPairs(phrasings_QD, own_ND[dev], relevant), own_ND[train]))
    named = dev[(clips.source[dev] == TUXPAINT) & (np.abs(clips.text[dev]).sum(1) > 0)]
    if len(named):
        groups = np.array(clips.group)
        pairs = LabelledPairs(clips.text[named], audio_ND[dev], groups[named][:, None] == groups[dev])
        sets.append((pairs, audio_ND[train]))
    return sets


def _pair_audio(clips: AudioClips, by_label: Mapping[str, Float], dev: _Indices, train: _Indices) -> list[_PairsAndBank]:
    """Clips as queries for the other clips of their label."""
    sets: list[_PairsAndBank] = []
    for number, label in enumerate(clips.labels):
        own_ND = by_label[label]
        queries = dev[clips.label[dev] == number]
        is_itself = queries[:, None] == dev
        relevant = np.tile(clips.label[dev] == number, (len(queries), 1)) & ~is_itself
        sets.append((LabelledPairs(own_ND[queries], own_ND[dev], relevant, ~is_itself), own_ND[train]))
    return sets


def _fit_images(
    clips: AudioClips, audio_ND: Float, dev: _Indices, train: _Indices, image_bank_BD: Float
) -> list[ComponentCalibrator]:
    """Fit audio as a query for images, and images for audio; empty without Tux Paint."""
    pictured = dev[(clips.source[dev] == TUXPAINT) & (np.abs(clips.image[dev]).sum(1) > 0)]
    if not len(pictured):
        return []
    groups = np.array(clips.group)[pictured]
    relevant = groups[:, None] == groups
    to_images = _fit([(LabelledPairs(audio_ND[pictured], clips.image[pictured], relevant), image_bank_BD)], len(pictured))
    to_audio = _fit([(LabelledPairs(clips.image[pictured], audio_ND[pictured], relevant), audio_ND[train])], len(pictured))
    return [
        ComponentCalibrator(component="sound", kind="picture", calibrator=to_images),
        ComponentCalibrator(component="picture", kind="sound", calibrator=to_audio),
        ComponentCalibrator(component="clip", kind="sound", calibrator=to_audio),
    ]


def _fit(sets: list[_PairsAndBank], num_evidence: int) -> Calibrator:
    return round_coefficients(shift_prior(fit_calibrator(sets), 1 / num_evidence, PRIOR))


def _fit_audibility(config: SoundConfig) -> npt.NDArray[np.float32]:
    """Fit weights (D + 1,) of a classifier of texts that name something audible.

    Positive examples are captions and class names of audio; negative ones are texts that no image
    shows, and random strings.
    """
    cache = config.out / "vectors"
    captions, classes = read_captions(config.captions), read_names(config.names)
    inaudible = read_lines(config.texts / "depictable" / "unshown.txt")
    groups = [
        TextGroup(captions, True, 0.5),
        TextGroup(phrase_as_queries(classes, 1), True, 0.5),
        TextGroup(inaudible, False, 0.5),
        TextGroup(phrase_as_queries(inaudible, 2), False, 0.25),
        TextGroup(draw_keyboard_noise(config.noise_texts, 0), False, 0.25),
    ]

    def embed(texts: Sequence[str]) -> Float:
        digest = hashlib.sha256("\n".join(texts).encode()).hexdigest()[:12]
        return embed_sentences(texts, cache / f"audible-{digest}.npz")

    return fit_text_classifier(groups, embed)
