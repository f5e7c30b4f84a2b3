"""Which of several runtimes is the fastest here that gives the same vectors? Timed in turns, in one
process."""

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
"""Mean cosine to float32 below which vectors would be those of another space."""

Vectors = npt.NDArray[np.float32]
Inputs = npt.NDArray[np.uint8]
Embed = Callable[[Inputs], Vectors]
"""Inputs (N, ...) to unit rows (N, D)."""
TIMED_INPUTS = 8
"""Inputs that are timed at once: a batch as a worker has it."""


class Trial(BaseModel):
    """What was seen of one runtime."""

    model_config = ConfigDict(frozen=True)

    name: str
    cosine: float | None = None
    """Mean over the pictures, to float32; None when it could not be run."""
    worst: float | None = None
    per_second: float | None = None
    """Pictures a second, by the median round."""
    refused: str = ""
    """Why it may not be chosen; empty when it may."""


def tune(
    candidates: Mapping[str, Callable[[], Embed]],
    inputs: Inputs,
    reference: Vectors,
    rounds: int = 5,
    clock: Callable[[], float] = time.perf_counter,
    on_progress: Callable[[str], None] = lambda name: None,
) -> list[Trial]:
    """A trial of each candidate, which is loaded by its function; the fastest that may be chosen
    comes first.

    One that cannot be loaded, breaks, or gives other vectors of `inputs` than `reference` (N, D) is
    reported and not timed. `on_progress` hears the name of each before it is loaded.
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
    for name, each in seconds.items():
        trials[name] = trials[name].model_copy(update={"per_second": len(batch) / median(each)})
    return sorted(trials.values(), key=lambda trial: -(trial.per_second or 0.0))


def compare_vectors(name: str, vectors: Vectors, reference: Vectors) -> Trial:
    """A trial without times: refused when the vectors are not near enough to the reference, or are
    none at all."""
    if vectors.shape != reference.shape or not np.isfinite(vectors).all():
        return Trial(name=name, refused=f"gives {vectors.shape} numbers that are no vectors")
    cosines = (vectors * reference).sum(1)
    mean, worst = float(cosines.mean()), float(cosines.min())
    low = f"cosine {mean:.4f} to float32, below {MIN_COSINE}" if mean < MIN_COSINE else ""
    return Trial(name=name, cosine=mean, worst=worst, refused=low)


def measure_seconds(
    runs: Mapping[str, Callable[[], object]], rounds: int, clock: Callable[[], float] = time.perf_counter
) -> dict[str, list[float]]:
    """Seconds of each run in each round but the first. In turns, so that what else the machine does
    meets all of them."""
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for number in range(-1, rounds):
        for name, run in runs.items():
            begin = clock()
            run()
            if number >= 0:
                seconds[name].append(clock() - begin)
    return seconds
