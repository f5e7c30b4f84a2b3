"""Train the sound tower: from the teacher's network towards where texts say that sounds belong.

Works on a CPU or a GPU; resumes at the step that was last saved, with the same result as without the stop. Writes
`sound.safetensors` and `SOUND.md` into the output folder; `strict` writes `strict.json` and `STRICT.md`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import save
from torch import Tensor

from mm.evaluation.ranking import bootstrap, correct
from mm.models.sound_torch import SoundEncoder
from mm.models.sound_weights import restored, rounded
from mm.training.averages import mean_weights
from mm.training.files import replacing
from mm.training.sound_card import sound_card, strict_table
from mm.training.sound_config import SoundConfig
from mm.training.sound_data import Sounds, load_sounds
from mm.training.sound_evaluate import TorchTower, dev_rows, folds, prompt_scores, teacher_scores
from mm.training.sound_run import SoundRun, starting
from mm.training.sound_teacher import read_teacher

OnProgress = Callable[[str], None]
"""Told what is being done, a line for a person."""


def train_sound(config: SoundConfig, on_progress: OnProgress) -> Path:
    """Train by the recipe; returns the path of the weights.

    Raises `InvalidInput` for data that cannot be read, and when the output folder holds the state of another recipe.
    """
    sounds, teacher = load_sounds(config), read_teacher(config.teacher)
    states = [run_seed(config, sounds, teacher, seed, on_progress) for seed in config.seeds]
    kept = rounded({name: value.numpy() for name, value in mean_weights(states).items()})
    weights = config.out / "sound.safetensors"
    with replacing(weights) as file:
        file.write(save(kept))
    rows = dev_rows(sounds)
    towers = [*(_tower(state, sounds) for state in states), _tower(_tensors(kept), sounds)]
    accuracies = [correct(prompt_scores(tower, sounds, rows), sounds.label_N[rows]) for tower in towers]
    base = correct(teacher_scores(TorchTower(starting(teacher, sounds)), sounds, rows), sounds.label_N[rows])
    with replacing(config.out / "SOUND.md") as file:
        file.write(sound_card(config, [bootstrap(values) for values in accuracies], bootstrap(base)).encode())
    return weights


def strict(config: SoundConfig, on_progress: OnProgress) -> Path:
    """Train once a seed and a fold, two labels left out, and tell their sounds apart by all prompts. Returns the path of the table.

    Raises as `train_sound`.
    """
    sounds, teacher = load_sounds(config), read_teacher(config.teacher)
    found: dict[str, list[list[float]]] = {}
    for seed in config.seeds:
        found[str(seed)] = [strict_fold(config, sounds, teacher, seed, fold, on_progress) for fold in folds(sounds.labels)]
    return write_strict(config, sounds, teacher, found)


def strict_fold(
    config: SoundConfig, sounds: Sounds, teacher: dict[str, Tensor], seed: int, fold: tuple[str, ...], on_progress: OnProgress
) -> list[float]:
    """1 or 0 for each sound of dev of the labels left out, in order: was it told by its prompt among all?"""
    state = run_seed(replace(config, left_out=fold), sounds, teacher, seed, on_progress)
    rows = dev_rows(sounds, fold)
    return correct(prompt_scores(_tower(state, sounds), sounds, rows), sounds.label_N[rows]).tolist()


def write_strict(config: SoundConfig, sounds: Sounds, teacher: dict[str, Tensor], found: dict[str, list[list[float]]]) -> Path:
    """`strict.json`, one list a seed and a fold, and the table `STRICT.md`."""
    rows = np.concatenate([dev_rows(sounds, fold) for fold in folds(sounds.labels)])
    base = correct(teacher_scores(TorchTower(starting(teacher, sounds)), sounds, rows), sounds.label_N[rows])
    with replacing(config.out / "strict.json") as file:
        file.write(json.dumps(found).encode())
    seeds = {seed: np.concatenate([np.array(fold) for fold in results]) for seed, results in found.items()}
    with replacing(config.out / "STRICT.md") as file:
        file.write(strict_table(seeds, base).encode())
    return config.out / "STRICT.md"


def run_seed(
    config: SoundConfig, sounds: Sounds, teacher: dict[str, Tensor], seed: int, on_progress: OnProgress
) -> dict[str, Tensor]:
    """One run, taken up where it stopped; its weights."""
    without = "".join(f"-{label.replace(' ', '_')}" for label in config.left_out)
    name = f"run-{seed}{'-without' if without else ''}{without}"
    run = SoundRun(config, sounds, teacher, torch.device("cuda" if torch.cuda.is_available() else "cpu"))

    def report(step: int, line: str) -> None:
        on_progress(f"{name}, step {step} of {config.steps}: {line}")

    return run.advance(seed, config.out / f"{name}.pt", report)


def _tower(state: dict[str, Tensor], sounds: Sounds) -> TorchTower:
    encoder = SoundEncoder(*sounds.class_vectors_KD.shape)
    encoder.load_state_dict(state)
    return TorchTower(encoder)


def _tensors(kept: dict[str, np.ndarray[tuple[int, ...], np.dtype[np.generic]]]) -> dict[str, Tensor]:
    return {name: torch.from_numpy(value) for name, value in restored(kept).items()}
