"""Train the sound tower: map YAMNet's classes into the space, from texts and from audio clips.

Resumes at the last saved step with the same result. Writes `sound.safetensors`, `sound.json`,
`sound_bank.safetensors` and `SOUND.md`, which ship with the space, into the output folder.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from safetensors.numpy import save

from mm.files import write_atomic
from mm.metrics import one_hot_relevance, recall_at
from mm.models.sound.weights import serialize_weights
from mm.training.loop import TrainingLoop
from mm.training.sound.calibrate import fit_sound_calibration
from mm.training.sound.card import Accuracies, format_card
from mm.training.sound.data import ESC10, AudioClips, Float, load_clips
from mm.training.sound.recipe import SoundConfig, fingerprint
from mm.training.sound.run import SoundRun
from mm.training.sound.teacher import load_teacher
from mm.training.sound.teacher_scores import OnProgress, PatchScores, TakeScores, score_clips, score_takes
from mm.training.sound.texts import read_names

if TYPE_CHECKING:
    from mm.spaces import Space

Fold = tuple[str, ...]
"""Labels that are left out of a run."""


@dataclass(frozen=True, slots=True, eq=False)
class TrainingData:
    """The input that all runs share."""

    clips: AudioClips
    patches: PatchScores
    takes: TakeScores


def train_sound(config: SoundConfig, on_progress: OnProgress, space: Space | None = None) -> Path:
    """Train by the recipe, for `lite` or a larger space; return the path of the weights.

    Raises `InvalidInput` for unreadable data, and when the output folder has the state of another
    recipe; `Corrupt` for a damaged state.
    """
    clips, names = load_clips(config, space), read_names(config.names)
    teacher = load_teacher(config.teacher, len(names))
    patches = score_clips(config, clips, teacher, on_progress)
    data = TrainingData(clips, patches, score_takes(config, clips, teacher, patches, on_progress))
    folds = split_labels(clips.labels)
    runs = {seed: train_run(config, data, seed, (), on_progress) for seed in config.seeds}
    strict = {seed: {fold: train_run(config, data, seed, fold, on_progress) for fold in folds} for seed in config.seeds}
    vectors_KD = np.stack(list(runs.values())).mean(0)
    weights = {name: value.numpy() for name, value in teacher.state_dict().items()} | {"vectors": vectors_KD}
    write_atomic(config.out / "sound.safetensors", serialize_weights(weights, names))
    on_progress("calibration")
    left_out = {label: strict[config.seeds[0]][fold] for fold in folds for label in fold}
    calibration, bank = fit_sound_calibration(config, clips, patches, vectors_KD, left_out, space)
    write_atomic(config.out / "sound_bank.safetensors", save(bank))
    write_atomic(config.out / "sound.json", (calibration.model_dump_json(indent=2) + "\n").encode())
    accuracies = Accuracies(
        {seed: measure_accuracy(data, vectors) for seed, vectors in runs.items()},
        measure_accuracy(data, vectors_KD),
        {seed: measure_strict_accuracy(data, by_fold) for seed, by_fold in strict.items()},
    )
    num_parameters = sum(value.size for value in weights.values())
    card = format_card(config, accuracies, len(clips.labels), len(names), num_parameters)
    write_atomic(config.out / "SOUND.md", card.encode())
    return config.out / "sound.safetensors"


def train_run(config: SoundConfig, data: TrainingData, seed: int, left_out: Fold, on_progress: OnProgress) -> Float:
    """Train one run, from its saved state; return the class vectors (K, D)."""
    suffix = "".join(f"-{label.replace(' ', '_')}" for label in left_out)
    name = f"run-{seed}{'-without' if suffix else ''}{suffix}"
    config = replace(config, left_out=left_out)
    run = SoundRun(config, data.clips, data.takes, seed)
    loop = TrainingLoop(config.out / f"{name}.pt", fingerprint(config), config.steps, config.save_every)
    for step, loss in loop.train(run):
        if loop.is_saved(step):
            on_progress(f"{name}, step {step} of {config.steps}: loss {float(loss):.3f}")
    return np.asarray(run.vectors_KD.detach().clone().numpy())


def split_labels(labels: list[str]) -> list[Fold]:
    """Divide the labels into the folds of the strict protocol: two of ten in each."""
    half = (len(labels) + 1) // 2
    return [tuple(labels[first::half]) for first in range(half)]


def measure_accuracy(data: TrainingData, vectors_KD: Float, labels: Fold = ()) -> Float:
    """1 or 0 for each labelled clip of dev (N,): whether its own label is the nearest of all.

    With `labels` only clips of these labels are measured.
    """
    clips = data.clips
    is_measured = clips.dev & (clips.source == ESC10)
    if labels:
        is_measured &= np.isin(clips.label, [clips.labels.index(label) for label in labels])
    audio_ND = data.patches.clip_vectors(vectors_KD, len(is_measured))[is_measured]
    relevant_NC = one_hot_relevance(clips.label[is_measured], len(clips.labels))
    return np.asarray(recall_at(audio_ND @ clips.label_vectors[:, 0].T, relevant_NC, 1), np.float32)


def measure_strict_accuracy(data: TrainingData, by_fold: Mapping[Fold, Float]) -> Float:
    """Accuracy (N,) of all labels, each by the run that left the label out."""
    return np.concatenate([measure_accuracy(data, vectors, fold) for fold, vectors in by_fold.items()])
