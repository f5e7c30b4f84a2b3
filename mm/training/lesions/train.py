"""Train the lesion network; choose thresholds and fit the confidence on folds of train.

Writes `lesions.safetensors`, `LESIONS.md` and `lesions.json`, the numbers of the card, into the
output folder. Interrupted runs resume. Dev is only measured.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
from safetensors import safe_open

from mm.files import write_atomic
from mm.lesions.segmentation.weights import LesionConfig, fuse_weights, serialize_lesions
from mm.numerics import Float32
from mm.training.lesions.calibrate import WEAK_SHARE, choose_threshold, fit_confidence
from mm.training.lesions.card import SeedResult, format_card
from mm.training.lesions.folds import split_fold
from mm.training.lesions.jobs import OnProgress, RunFiles, run_plans
from mm.training.lesions.measure import LesionScores, measure
from mm.training.lesions.pack import LesionPack, read_pack
from mm.training.lesions.predictions import PredictedImage, Predictions, match_predictions
from mm.training.lesions.recipe import LesionRecipe, RunPlan, list_runs

WEIGHTS, CARD, REPORT = "lesions.safetensors", "LESIONS.md", "lesions.json"


def train_lesions(
    recipes: Sequence[LesionRecipe], devices: Sequence[str], num_parallel: int, on_progress: OnProgress
) -> list[Path]:
    """Train by each recipe; return the paths of the weights.

    The runs of all recipes are executed together, `num_parallel` at a time, on `devices` of torch
    in turn. Raises `Corrupt` for a damaged pack or state, `InvalidInput` when an output folder has
    the state of another recipe.
    """
    run_plans([plan for recipe in recipes for plan in list_runs(recipe)], devices, num_parallel, on_progress)
    return [finish(recipe, on_progress) for recipe in recipes]


def finish(recipe: LesionRecipe, on_progress: OnProgress) -> Path:
    """Calibrate, measure and write the weights of a recipe whose runs have ended."""
    pack = read_pack(recipe.pack)
    left_out = read_left_out(recipe, pack)
    config = calibrate(recipe, left_out)
    folds = measure_by_set(left_out, config)
    dev = pack.select(sorted({row.data_set for row in pack.rows}), "dev")
    results = []
    for seed in recipe.seeds:
        images = match_predictions(dev, Predictions.read(RunFiles.of(RunPlan(recipe, seed)).predictions))
        results.append(SeedResult(seed, measure_by_set(images, config)))
        on_progress(f"{recipe.out.name}, seed {seed}: {format_scores(results[-1].scores)}")
    first, num_steps = read_run_weights(RunFiles.of(RunPlan(recipe, recipe.seeds[0])).weights)
    write_atomic(recipe.out / WEIGHTS, serialize_lesions(config, fuse_weights(first)))
    report = {"config": asdict(config), "steps": num_steps, "folds": _as_json(folds)}
    report["dev"] = {str(result.seed): _as_json(result.scores) for result in results}
    write_atomic(recipe.out / REPORT, json.dumps(report, indent=1).encode())
    write_atomic(recipe.out / CARD, format_card(recipe, config, folds, results, num_steps).encode())
    return recipe.out / WEIGHTS


def read_left_out(recipe: LesionRecipe, pack: LesionPack) -> list[PredictedImage]:
    """All images of train, each as predicted by the run whose fold left it out."""
    train = pack.select(recipe.data_sets, "train")
    images: list[PredictedImage] = []
    for fold in range(recipe.folds):
        _, left_out = split_fold(train, recipe.folds, fold)
        predictions = Predictions.read(RunFiles.of(RunPlan(recipe, recipe.seeds[0], fold)).predictions)
        images += match_predictions(left_out, predictions)
    return images


def calibrate(recipe: LesionRecipe, images: Sequence[PredictedImage]) -> LesionConfig:
    """Thresholds and confidence from images that the networks were not trained on."""
    threshold = choose_threshold(images)
    weak = round(threshold * WEAK_SHARE, 4)
    return LesionConfig(recipe.size, threshold, weak, fit_confidence(images, threshold, weak), recipe.data_sets)


def measure_by_set(images: Sequence[PredictedImage], config: LesionConfig) -> dict[str, LesionScores]:
    """The measures of each data set."""
    scores: dict[str, LesionScores] = {}
    for name in sorted({image.row.data_set for image in images}):
        chosen = [image for image in images if image.row.data_set == name]
        regions = [image.find(config.threshold, config.weak_threshold, config.confidence) for image in chosen]
        scores[name] = measure(chosen, regions)
    return scores


def read_run_weights(path: Path) -> tuple[dict[str, Float32], int]:
    """The state of a run's moving average, and its number of steps."""
    with safe_open(path, "numpy") as file:
        names = file.keys()
        return {name: np.asarray(file.get_tensor(name), np.float32) for name in names}, int(file.metadata()["steps"])


def format_scores(scores: dict[str, LesionScores]) -> str:
    """One line."""
    parts = [
        f"{name} Dice {row.dice:.3f}, sensitivity {row.sensitivity:.3f}, calibration error {row.calibration_error:.3f}"
        for name, row in scores.items()
    ]
    return "; ".join(parts)


def _as_json(scores: dict[str, LesionScores]) -> dict[str, dict[str, float]]:
    return {name: asdict(row) for name, row in scores.items()}
