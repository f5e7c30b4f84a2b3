"""Train the sound tower: YAMNet's classes get their places in the space, from texts and from
sounds.

Resumes at the step that was last saved, with the same result as without the stop. Writes
`sound.safetensors`, `sound.json`, `sound_bank.safetensors` and `SOUND.md`, which ship with the
space, into the output folder.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from safetensors.numpy import save

from mm.files import open_atomic
from mm.metrics import one_hot_relevance, recall_at
from mm.models.sound.weights import serialize_weights
from mm.training.sound.calibrate import fit_scores
from mm.training.sound.card import Numbers, sound_card
from mm.training.sound.data import ESC10, Float, Sounds, load_sounds
from mm.training.sound.recipe import SoundConfig
from mm.training.sound.run import SoundRun
from mm.training.sound.teacher import teacher_network
from mm.training.sound.teacher_scores import OnProgress, Patches, Takes, hear, take
from mm.training.sound.texts import read_names

if TYPE_CHECKING:
    from mm.spaces import Space

Fold = tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Material:
    """What all runs work with."""

    sounds: Sounds
    patches: Patches
    takes: Takes


def train_sound(config: SoundConfig, on_progress: OnProgress, space: Space | None = None) -> Path:
    """Train by the recipe, for `lite` or for the larger space that `config` names; returns the path
    of the weights.

    Raises `InvalidInput` for data that cannot be read, and when the output folder holds the state
    of another recipe; `Corrupt`.
    """
    sounds, names = load_sounds(config, space), read_names(config.names)
    teacher = teacher_network(config.teacher, len(names))
    patches = hear(config, sounds, teacher, on_progress)
    material = Material(sounds, patches, take(config, sounds, teacher, patches, on_progress))
    runs = {seed: run(config, material, seed, (), on_progress) for seed in config.seeds}
    strict = {
        seed: {fold: run(config, material, seed, fold, on_progress) for fold in folds(sounds.labels)} for seed in config.seeds
    }
    vectors_KD = np.stack(list(runs.values())).mean(0)
    weights = {name: value.numpy() for name, value in teacher.state_dict().items()} | {"vectors": vectors_KD}
    with open_atomic(config.out / "sound.safetensors") as file:
        file.write(serialize_weights(weights, names))
    on_progress("what scores mean")
    left_out = {label: strict[config.seeds[0]][fold] for fold in folds(sounds.labels) for label in fold}
    scores, bank = fit_scores(config, sounds, patches, vectors_KD, left_out, space)
    with open_atomic(config.out / "sound_bank.safetensors") as file:
        file.write(save(bank))
    with open_atomic(config.out / "sound.json") as file:
        file.write((scores.model_dump_json(indent=2) + "\n").encode())
    numbers = Numbers(
        {seed: told(material, vectors) for seed, vectors in runs.items()},
        told(material, vectors_KD),
        {seed: strictly_told(material, found) for seed, found in strict.items()},
    )
    with open_atomic(config.out / "SOUND.md") as file:
        file.write(
            sound_card(config, numbers, len(sounds.labels), len(names), sum(value.size for value in weights.values())).encode()
        )
    return config.out / "sound.safetensors"


def run(config: SoundConfig, material: Material, seed: int, left_out: Fold, on_progress: OnProgress) -> Float:
    """The vectors (K, D) of one run, taken up where it stopped."""
    without = "".join(f"-{label.replace(' ', '_')}" for label in left_out)
    name = f"run-{seed}{'-without' if without else ''}{without}"

    def report(step: int, line: str) -> None:
        on_progress(f"{name}, step {step} of {config.steps}: {line}")

    own = SoundRun(replace(config, left_out=left_out), material.sounds, material.takes)
    return np.asarray(own.advance(seed, config.out / f"{name}.pt", report).numpy())


def folds(labels: list[str]) -> list[Fold]:
    """The strict protocol: the labels that are left out in each fold, two of ten; together all of
    them, each once."""
    half = (len(labels) + 1) // 2
    return [tuple(labels[first::half]) for first in range(half)]


def told(material: Material, vectors_KD: Float, labels: Fold = ()) -> Float:
    """(N,) 1 for each labelled sound of dev that lies nearest to its own label among all, else 0;
    of some labels alone."""
    sounds = material.sounds
    rows = sounds.dev & (sounds.source == ESC10)
    if labels:
        rows &= np.isin(sounds.label, [sounds.labels.index(label) for label in labels])
    heard_ND = material.patches.vectors(vectors_KD, len(rows))[rows]
    right_NC = one_hot_relevance(sounds.label[rows], len(sounds.labels))
    return np.asarray(recall_at(heard_ND @ sounds.label_vectors[:, 0].T, right_NC, 1), np.float32)


def strictly_told(material: Material, found: Mapping[Fold, Float]) -> Float:
    """The same for all labels, each by the run that never heard it."""
    return np.concatenate([told(material, vectors, fold) for fold, vectors in found.items()])
