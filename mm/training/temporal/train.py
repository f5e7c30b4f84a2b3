"""Train the temporal network to find shot and scene boundaries on spliced videos.

Resumes at the last saved step with the same result. Writes `temporal.safetensors` and
`TEMPORAL.md`, which ship with the space, into the output folder.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import torch

from mm.data.footage import read_footage
from mm.files import write_atomic
from mm.media import MediaReader
from mm.metrics.boundaries import count_matches, f1_score
from mm.models.temporal.config import TemporalConfig
from mm.models.temporal.tower import SCENE, SHOT, predict_boundaries, suppress_non_maxima
from mm.models.temporal.weights import serialize_temporal
from mm.models.types import ImageEmbedder
from mm.training.loop import TrainingLoop
from mm.training.temporal.card import RunResult, format_card
from mm.training.temporal.footage_vectors import Float, FootageVectors, encode_footage
from mm.training.temporal.recipe import TemporalRecipe, fingerprint
from mm.training.temporal.run import SEED_STRIDE, TemporalRun
from mm.training.temporal.sequences import LabelledSequence, draw_sequence

OnProgress = Callable[[str], None]
"""Called with a line of text."""

TOLERANCE = 1.0
"""Seconds between a boundary and its match, at most."""
NUM_VIDEOS = 40
"""Videos for choosing the thresholds, and videos for measuring the card's numbers."""
THRESHOLDS = tuple(round(0.05 * step, 2) for step in range(2, 19))


def train_temporal(
    recipe: TemporalRecipe, tower: ImageEmbedder, on_progress: OnProgress, device: torch.device | None = None
) -> Path:
    """Train by the recipe on vectors of its space's image tower; return the path of the weights.

    Raises `InvalidInput` for unreadable data, and when the output folder has the state of another
    recipe; `Corrupt` for a damaged cache or state.
    """
    recipe.out.mkdir(parents=True, exist_ok=True)
    device = device or torch.device("cuda" if torch.cuda.is_available() else "cpu")
    train = load_footage_vectors(recipe, tower, "train", recipe.max_images, on_progress)
    dev = load_footage_vectors(recipe, tower, "dev", recipe.max_images // 4, on_progress)
    held_out = [draw_held_out(train, number, recipe.seconds) for number in range(NUM_VIDEOS)]
    dev_videos = [draw_held_out(dev, number, recipe.seconds) for number in range(NUM_VIDEOS)]
    results: list[RunResult] = []
    first = b""
    for seed in recipe.seeds:
        weights = _train(recipe, train, seed, device, on_progress)
        config = choose_thresholds(recipe.network, weights, held_out)
        scores = [measure_f1(config, weights, dev_videos, column) for column in (SHOT, SCENE)]
        results.append(RunResult(seed, config.shot_threshold, config.scene_threshold, *scores))
        first = first or serialize_temporal(config, weights)
    write_atomic(recipe.out / "temporal.safetensors", first)
    card = format_card(recipe, results, len(train.grey_P), len(train.clips), NUM_VIDEOS)
    write_atomic(recipe.out / "TEMPORAL.md", card.encode())
    return recipe.out / "temporal.safetensors"


def load_footage_vectors(
    recipe: TemporalRecipe, tower: ImageEmbedder, split: str, max_images: int, on_progress: OnProgress
) -> FootageVectors:
    """Encode the footage of a split, cached in the output folder.

    Raises `InvalidInput`, `Corrupt`.
    """
    with MediaReader() as reader:
        footage = read_footage(recipe.data, recipe.clip_sets, split, max(max_images, 1), reader, on_progress)
    return encode_footage(footage, tower, recipe.out / f"footage-{split}.npz", on_progress)


def draw_held_out(vectors: FootageVectors, number: int, seconds: float) -> LabelledSequence:
    """A video that no step of a run draws, without noise."""
    return draw_sequence(vectors, (SEED_STRIDE, number), seconds, 0.0)


def choose_thresholds(config: TemporalConfig, weights: dict[str, Float], videos: Sequence[LabelledSequence]) -> TemporalConfig:
    """The configuration with the thresholds that give the highest F1 on these videos."""
    probabilities = [predict_boundaries(config, weights, frames) for frames, _ in videos]

    def choose(column: int) -> float:
        of_column = [rows[:, column] for rows in probabilities]
        return max(THRESHOLDS, key=lambda threshold: _f1(config, videos, of_column, column, threshold))

    return replace(config, shot_threshold=choose(SHOT), scene_threshold=choose(SCENE))


def measure_f1(config: TemporalConfig, weights: dict[str, Float], videos: Sequence[LabelledSequence], column: int) -> float:
    """F1 of the shot or scene boundaries at the configuration's threshold."""
    probabilities = [predict_boundaries(config, weights, frames)[:, column] for frames, _ in videos]
    threshold = config.shot_threshold if column == SHOT else config.scene_threshold
    return _f1(config, videos, probabilities, column, threshold)


def _train(
    recipe: TemporalRecipe, vectors: FootageVectors, seed: int, device: torch.device, on_progress: OnProgress
) -> dict[str, Float]:
    on_progress(f"run of seed {seed}")
    run = TemporalRun(recipe, vectors, seed, device)
    loop = TrainingLoop(recipe.out / f"run-{seed}.pt", fingerprint(recipe), recipe.steps, recipe.save_every)
    for step, loss in loop.train(run):
        if loop.is_saved(step):
            on_progress(f"step {step}: loss {float(loss):.4f}")
    return run.averaged_weights()


def _f1(
    config: TemporalConfig, videos: Sequence[LabelledSequence], probabilities: Sequence[Float], column: int, threshold: float
) -> float:
    """F1 over all videos together, within `TOLERANCE`."""
    num_matches = num_predicted = num_true = 0
    for (frames, labels), probability_L in zip(videos, probabilities, strict=True):
        rows = suppress_non_maxima(probability_L, frames.times_L, threshold, config.min_gap)
        predicted, true = frames.times_L[rows].tolist(), frames.times_L[labels[:, column]].tolist()
        num_matches += count_matches(predicted, true, TOLERANCE)
        num_predicted, num_true = num_predicted + len(predicted), num_true + len(true)
    return f1_score(num_matches, num_predicted, num_true)
