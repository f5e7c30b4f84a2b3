"""Distil a text tower that gives texts in many languages the vectors of their English.

Runs on a CPU or a GPU; resumes at the last saved epoch with the same result. A new run can train
another vocabulary where pairs of tokens are equally frequent. Writes `languages.safetensors` and
its card, `LANGUAGES.md`, into the output folder.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import load_file, save

from mm.data.translations import Pairs, read_multi30k
from mm.evaluation.languages import Sources, evaluate
from mm.files import write_atomic
from mm.models.text.multilingual import TOKENIZER, load_tokenizer, quantize
from mm.spaces.lite_space import LANGUAGES
from mm.training.languages.card import format_card
from mm.training.languages.prepare import PAIRS, READER, START, VECTORS, prepare
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
    recipe.
    """
    read_multi30k(config.data, "val", set())  # a missing split fails before the training, not after it
    prepare(config)
    run = _create_run(config)
    loop = TrainingLoop(config.out / _STATE, fingerprint(config), config.epochs)
    for epoch, loss in loop.train(run):
        on_progress(epoch, config.epochs, f"loss {float(loss):.4f}")
    weights = config.out / LANGUAGES
    write_atomic(weights, save({**quantize(run.encoder.tensors()), **load_file(config.out / READER)}))
    results = evaluate(weights, Sources(config.data, config.tuxpaint), config.out / "graphs")
    write_atomic(config.out / CARD, format_card(config, results).encode())
    return weights


def _create_run(config: LanguagesConfig) -> Distillation:
    """Create the run from the files of `prepare`."""
    pairs = Pairs(**json.loads((config.out / PAIRS).read_text(encoding="utf-8")))
    with np.load(config.out / VECTORS) as arrays:
        targets_ND = torch.from_numpy(np.asarray(arrays["vectors"]))
    start = {name: torch.from_numpy(tensor) for name, tensor in load_file(config.out / START).items()}
    tokenizer = load_tokenizer(load_file(config.out / READER)[TOKENIZER], config.out / READER)
    texts, rows = [text for _, text, _ in pairs.pairs], torch.tensor([row for _, _, row in pairs.pairs])
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return Distillation(config, tokenizer, texts, rows, targets_ND, start, device)
