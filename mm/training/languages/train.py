"""Train the text tower that gives texts in many languages the vectors of their English.

Runs on a CPU or a GPU; resumes at the last saved epoch with the same result. Writes
`languages.safetensors` and its card, `LANGUAGES.md`, into the output folder.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.numpy import load_file, save

from mm.data.translations import read_multi30k
from mm.evaluation.languages import Sources, evaluate, measure_quality
from mm.files import hash_file, write_atomic
from mm.models.text.e5.file import E5File, find_e5_file
from mm.models.text.weights_file import BASE, quantize
from mm.spaces.lite_space import LANGUAGE_QUALITY, LANGUAGES
from mm.training.languages.card import format_card
from mm.training.languages.prepare import READER, prepare, read_images, read_pairs
from mm.training.languages.recipe import LanguagesConfig, fingerprint
from mm.training.languages.run import Distillation
from mm.training.loop import TrainingLoop

CARD = "LANGUAGES.md"
_STATE = "languages.pt"

OnProgress = Callable[[int, int, str], None]
"""Called after each epoch with the epochs done, the epochs in all, and a line of text."""


def train_languages(config: LanguagesConfig, on_progress: OnProgress) -> Path:
    """Train by the recipe; return the path of the weights.

    Raises `InvalidInput` for unreadable data, and when the output folder has the state of another
    recipe, `Unavailable` without the package of the encoder.
    """
    read_multi30k(config.data, "val", set())  # a missing split fails before the training, not after it
    base = find_e5_file()
    prepare(config)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    run = Distillation(config, E5File(base), *read_pairs(config), device, read_images(config))
    loop = TrainingLoop(config.out / _STATE, fingerprint(config), config.epochs)
    for epoch, loss in loop.train(run):
        on_progress(epoch, config.epochs, f"loss {float(loss):.4f}")
    weights = config.out / LANGUAGES
    tensors = {**quantize(run.network.tensors()), **load_file(config.out / READER)}
    write_atomic(weights, save(tensors, {BASE: hash_file(base)}))
    results = evaluate(weights, Sources(config.data, config.tuxpaint), config.out / "graphs")
    if config.tuxpaint is not None:
        quality = measure_quality(weights, config.tuxpaint, config.out / "graphs")
        write_atomic(config.out / LANGUAGE_QUALITY, quality.to_json().encode())
    write_atomic(config.out / CARD, format_card(config, results).encode())
    return weights
