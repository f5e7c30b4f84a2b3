"""Measures which runtime is the fastest on this machine and gives the same vectors as float32.

All candidates are timed in one process, alternately.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import partial
from statistics import median

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict

from mm.errors import MMError

MIN_COSINE = 0.995
"""Minimum mean cosine to the vectors of float32; below it the space would be another one."""

Vectors = npt.NDArray[np.float32]
Inputs = npt.NDArray[np.uint8]
Embed = Callable[[Inputs], Vectors]
"""Inputs (N, ...) to unit rows (N, D)."""
TIMED_INPUTS = 8
"""Inputs of a timed call: a batch of a worker."""


class Trial(BaseModel):
    """The measurement of one runtime."""

    model_config = ConfigDict(frozen=True)

    name: str
    cosine: float | None = None
    """Mean cosine to float32 over the images; None when the runtime could not be run."""
    worst: float | None = None
    """The lowest cosine."""
    per_second: float | None = None
    """Images a second, from the median round."""
    refused: str = ""
    """Why the runtime may not be selected; empty when it may."""


def tune(
    candidates: Mapping[str, Callable[[], Embed]],
    inputs: Inputs,
    reference: Vectors,
    rounds: int = 5,
    clock: Callable[[], float] = time.perf_counter,
    on_progress: Callable[[str], None] = lambda name: None,
) -> list[Trial]:
    """A trial of each candidate, the fastest that may be selected first.

    A candidate is loaded by its function. One that cannot be loaded, fails, or gives other vectors
    of `inputs` than `reference` (N, D) is reported and not timed. `on_progress` is called with the
    name of each candidate before it is loaded.
    """
    runs: dict[str, Embed] = {}
    trials: dict[str, Trial] = {}
    for name, load in candidates.items():
        on_progress(name)
        try:
            embed = load()
            vectors = embed(inputs)
        except (MMError, ImportError, OSError, RuntimeError) as error:
            trials[name] = Trial(name=name, refused=str(error).strip() or type(error).__name__)
            continue
        trials[name] = compare_vectors(name, vectors, reference)
        if not trials[name].refused:
            runs[name] = embed
    batch = inputs[:TIMED_INPUTS]
    seconds = measure_seconds({name: partial(embed, batch) for name, embed in runs.items()}, rounds, clock)
    for name, rounds_taken in seconds.items():
        trials[name] = trials[name].model_copy(update={"per_second": len(batch) / median(rounds_taken)})
    return sorted(trials.values(), key=lambda trial: -(trial.per_second or 0.0))


def compare_vectors(name: str, vectors: Vectors, reference: Vectors) -> Trial:
    """A trial without times; refused unless the vectors are finite and close to the reference."""
    if vectors.shape != reference.shape or not np.isfinite(vectors).all():
        return Trial(name=name, refused=f"its output {vectors.shape} is of another shape or not finite")
    cosines = (vectors * reference).sum(1)
    mean, worst = float(cosines.mean()), float(cosines.min())
    refused = f"cosine {mean:.4f} to float32, below {MIN_COSINE}" if mean < MIN_COSINE else ""
    return Trial(name=name, cosine=mean, worst=worst, refused=refused)


def measure_seconds(
    runs: Mapping[str, Callable[[], object]], rounds: int, clock: Callable[[], float] = time.perf_counter
) -> dict[str, list[float]]:
    """Seconds of each run in each round, without a warm-up round.

    The runs alternate, so that other load on the machine affects all of them.
    """
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for number in range(-1, rounds):
        for name, run in runs.items():
            started = clock()
            run()
            if number >= 0:
                seconds[name].append(clock() - started)
    return seconds
