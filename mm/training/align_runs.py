"""The runs of an alignment, each kept on disk and taken up where it stopped."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from mm.errors import InvalidInput
from mm.training.align_config import fingerprint
from mm.training.align_run import Run
from mm.training.checkpoint import read_state, write_state

OnEpoch = Callable[[int, str], None]
"""Told after each epoch: epochs of the run that are done, a line for a person."""


def finish(run: Run, on_epoch: OnEpoch) -> dict[str, Any]:
    """Run to the end, from what was kept under the run's name or else from the beginning; returns the last state.

    Raises `InvalidInput` when the output folder holds the state of another recipe.
    """
    config, path = run.config, run.config.out / f"{run.name}.pt"
    kept = read_state(path, run.device)
    if kept is None:
        run.begin()
    elif kept["recipe"] != fingerprint(config):
        raise InvalidInput(f"{path} belongs to another recipe; choose another output folder or remove it.")
    else:
        run.restore(kept)
    while run.epoch < run.epochs:
        loss = run.run_epoch()
        if run.rank == 0 and (run.epoch % config.save_every == 0 or run.epoch == run.epochs):
            write_state(path, {**run.state(), "recipe": fingerprint(config)})
        on_epoch(run.epoch, f"{run.name}, epoch {run.epoch} of {run.epochs}: loss {loss:.3f}")
    return copy.deepcopy(run.state())
