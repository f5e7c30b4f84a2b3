"""Train the temporal network: where shots and scenes begin, on films put together from photographs
and clips.

Resumes at the step that was last saved, with the same result as without the stop. Writes
`temporal.safetensors` and `TEMPORAL.md`, which ship with the space, into the output folder.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import torch

from mm.data.footage import read_footage
from mm.files import open_atomic
from mm.media import MediaReader
from mm.metrics.boundaries import f1, matched
from mm.models.temporal.config import TemporalConfig
from mm.models.temporal.tower import SCENE, SHOT, predict_boundaries, suppress_non_maxima
from mm.models.temporal.weights import serialize_temporal
from mm.models.types import ImageEmbedder
from mm.training.temporal.card import Found, temporal_card
from mm.training.temporal.data import Float, Material, draw_film, prepare
from mm.training.temporal.recipe import TemporalRecipe
from mm.training.temporal.run import STEPS_OF_A_SEED, Film, TemporalRun

Progress = Callable[[str], None]

TOLERANCE = 1.0
"""Seconds that a beginning may be off."""
FILMS = 40
"""Films on which the thresholds are chosen, and as many on which the card's numbers are found."""
LEAST = tuple(round(0.05 * step, 2) for step in range(2, 19))
"""Thresholds to choose from."""


def train_temporal(
    recipe: TemporalRecipe, tower: ImageEmbedder, on_progress: Progress, device: torch.device | None = None
) -> Path:
    """Train by the recipe on what `tower` sees, the image tower of the recipe's space; returns the
    path of the weights.

    Raises `InvalidInput` for data that cannot be read, and when the output folder holds the state
    of another recipe; `Corrupt`.
    """
    recipe.out.mkdir(parents=True, exist_ok=True)
    train = seen(recipe, tower, "train", recipe.photographs, on_progress)
    dev = seen(recipe, tower, "dev", recipe.photographs // 4, on_progress)
    held = [film(train, number, recipe.seconds) for number in range(FILMS)]
    shown = [film(dev, number, recipe.seconds) for number in range(FILMS)]
    rows: list[Found] = []
    ships = b""
    for seed in recipe.seeds:
        on_progress(f"run of seed {seed}")
        run = TemporalRun(recipe, train, seed, device or torch.device("cuda" if torch.cuda.is_available() else "cpu"))
        weights = run.advance(recipe.out / f"run-{seed}.pt", lambda step, line: on_progress(f"step {step}: {line}"))
        config = with_thresholds(recipe.network, weights, held)
        rows.append(
            Found(seed, config.shot_threshold, config.scene_threshold, *(score(config, weights, shown, c) for c in (SHOT, SCENE)))
        )
        ships = ships or serialize_temporal(config, weights)
    with open_atomic(recipe.out / "temporal.safetensors") as file:
        file.write(ships)
    with open_atomic(recipe.out / "TEMPORAL.md") as file:
        file.write(temporal_card(recipe, rows, len(train.grey_P), len(train.clips), FILMS).encode())
    return recipe.out / "temporal.safetensors"


def seen(recipe: TemporalRecipe, tower: ImageEmbedder, split: str, most: int, on_progress: Progress) -> Material:
    """The footage of a split as vectors, kept in the output folder. Raises `InvalidInput`,
    `Corrupt`."""
    with MediaReader() as reader:
        footage = read_footage(recipe.data, recipe.films, split, max(most, 1), reader, on_progress)
    return prepare(footage, tower, recipe.out / f"footage-{split}.npz", on_progress)


def film(material: Material, number: int, seconds: float) -> Film:
    """A film that no step of a run draws, without noise."""
    return draw_film(material, (STEPS_OF_A_SEED, number), seconds, 0.0)


def with_thresholds(config: TemporalConfig, weights: dict[str, Float], films: Sequence[Film]) -> TemporalConfig:
    """The configuration with the thresholds that give the best F1 on some films."""
    chances = [predict_boundaries(config, weights, frames) for frames, _ in films]

    def best(column: int) -> float:
        return max(LEAST, key=lambda least: f1_of(config, films, [chance[:, column] for chance in chances], column, least))

    return replace(config, shot_threshold=best(SHOT), scene_threshold=best(SCENE))


def score(config: TemporalConfig, weights: dict[str, Float], films: Sequence[Film], column: int) -> float:
    """F1 of the beginnings of shots or scenes, at the configuration's threshold."""
    chances = [predict_boundaries(config, weights, frames)[:, column] for frames, _ in films]
    return f1_of(config, films, chances, column, config.shot_threshold if column == SHOT else config.scene_threshold)


def f1_of(config: TemporalConfig, films: Sequence[Film], chances: Sequence[Float], column: int, least: float) -> float:
    """F1 over all films together, within `TOLERANCE`."""
    pairs = found = right = 0
    for (frames, begins), chance in zip(films, chances, strict=True):
        ours = frames.times_L[suppress_non_maxima(chance, frames.times_L, least, config.min_gap)].tolist()
        theirs = frames.times_L[begins[:, column]].tolist()
        pairs, found, right = pairs + matched(ours, theirs, TOLERANCE), found + len(ours), right + len(theirs)
    return f1(pairs, found, right)
