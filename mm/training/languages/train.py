"""Texts in many languages to a tower that gives them the vectors of their English.

Works on a CPU or a GPU; resumes at the epoch that was last saved, with the same result as without
the stop. A run that begins anew may draw another vocabulary where pairs of tokens are equally
frequent. Writes `languages.safetensors` and `LANGUAGES.md`, its card, into the output folder.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import load_file, save

from mm.data.translations import Pairs, read_multi30k
from mm.errors import InvalidInput
from mm.evaluation.languages import Sources, evaluate
from mm.files import open_atomic
from mm.models.text.multilingual import TOKENIZER, load_tokenizer, quantize
from mm.spaces.lite_space import LANGUAGES
from mm.training.checkpoint import read_state, write_state
from mm.training.languages.card import languages_card
from mm.training.languages.prepare import PAIRS, READER, START, VECTORS, prepare
from mm.training.languages.recipe import LanguagesConfig, fingerprint
from mm.training.languages.run import Distillation

CARD = "LANGUAGES.md"
_STATE = "languages.pt"

OnProgress = Callable[[int, int, str], None]
"""Told after each epoch: epochs done, epochs in all, a line for a person."""


def train_languages(config: LanguagesConfig, on_progress: OnProgress) -> Path:
    """Train by the recipe; returns the path of the weights.

    Raises `InvalidInput` for data that cannot be read, and when the output folder holds the state
    of another recipe.
    """
    read_multi30k(config.data, "val", set())  # a missing part is told before the training, not after it
    prepare(config)
    run = _run(config)
    kept = read_state(config.out / _STATE, run.device)
    if kept is not None:
        if kept["recipe"] != fingerprint(config):
            raise InvalidInput(f"{config.out / _STATE} belongs to another recipe; choose another output folder or remove it.")
        run.restore(kept)
    while run.epoch < config.epochs:
        loss = run.run_epoch()
        write_state(config.out / _STATE, {**run.state(), "recipe": fingerprint(config)})
        on_progress(run.epoch, config.epochs, f"loss {loss:.4f}")
    weights = config.out / LANGUAGES
    with open_atomic(weights) as file:
        file.write(save({**quantize(run.encoder.tensors()), **load_file(config.out / READER)}))
    found = evaluate(weights, Sources(config.data, config.tuxpaint), config.out / "graphs")
    with open_atomic(config.out / CARD) as file:
        file.write(languages_card(config, found).encode())
    return weights


def _run(config: LanguagesConfig) -> Distillation:
    """The run at its beginning, from what `prepare` left."""
    pairs = Pairs(**json.loads((config.out / PAIRS).read_text(encoding="utf-8")))
    with np.load(config.out / VECTORS) as arrays:
        targets_ND = torch.from_numpy(np.asarray(arrays["vectors"]))
    start = {name: torch.from_numpy(tensor) for name, tensor in load_file(config.out / START).items()}
    tokenizer = load_tokenizer(load_file(config.out / READER)[TOKENIZER], config.out / READER)
    texts, rows = [text for _, text, _ in pairs.pairs], torch.tensor([row for _, _, row in pairs.pairs])
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return Distillation(config, tokenizer, texts, rows, targets_ND, start, device)
