"""The runs of an alignment: a trunk that they share, then one branch a seed, each kept on disk and taken up where it stopped."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

from torch import Tensor

from mm.errors import InvalidInput
from mm.training.align_config import fingerprint
from mm.training.align_run import Alignment
from mm.training.checkpoint import read_state, write_state

OnProgress = Callable[[int, int, str], None]
"""Told after each epoch: epochs done, epochs in all, a line for a person."""


def averaged_runs(run: Alignment, on_progress: OnProgress) -> Iterator[dict[str, Tensor]]:
    """The moving averages of the runs, one a seed, in order.

    Runs that part after some epochs together end in one valley of the loss, where their mean is better than each (Frankle et
    al. 2020, arXiv:1912.05671; Wortsman et al. 2022, arXiv:2203.05482).

    Raises `InvalidInput` when the output folder holds the state of another recipe.
    """
    config = run.config
    branch = config.epochs - config.shared
    total = config.shared + branch * len(config.seeds)
    trunk = _advance(run, "trunk", config.seeds[0], None, config.shared, lambda epoch, line: on_progress(epoch, total, line))
    for index, seed in enumerate(config.seeds):
        done = index * branch

        def report(epoch: int, line: str, done: int = done) -> None:
            on_progress(done + epoch, total, line)

        yield _advance(run, f"run-{seed}", seed, trunk, config.epochs, report)["average"]


def _advance(
    run: Alignment, name: str, seed: int, start: dict[str, Any] | None, until: int, report: Callable[[int, str], None]
) -> dict[str, Any]:
    """Run from what was kept under this name, or else from `start`, or else from the beginning; returns the state reached."""
    config, path = run.config, run.config.out / f"{name}.pt"
    kept = read_state(path, run.device)
    if kept is not None and kept["recipe"] != fingerprint(config):
        raise InvalidInput(f"{path} belongs to another recipe; choose another output folder or remove it.")
    state = kept or start
    if state is None:
        run.begin()
    else:
        run.restore(state)
    while run.epoch < until:
        loss = run.run_epoch(seed)
        if run.rank == 0 and (run.epoch % config.save_every == 0 or run.epoch == until):
            write_state(path, {**run.state(), "recipe": fingerprint(config)})
        report(run.epoch, f"{name}, epoch {run.epoch} of {config.epochs}: loss {loss:.3f}")
    return copy.deepcopy(run.state())
