"""Times of operations on a GPU that read more than its cache holds."""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING

import torch

from kernels.bench import measure_seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

MIN_BYTES = 600_000_000
"""Read by one replay: many times the cache, so that no replay finds the data of the one before."""


def report_progress(text: str) -> None:
    """Print a line to standard error; the report is on standard output."""
    print(text, file=sys.stderr, flush=True)


def measure_read_bandwidth() -> float:
    """Bytes a second that the GPU reads: sums of tensors larger than its cache."""
    tensors = [torch.ones(1 << 28, device="cuda") for _ in range(4)]
    seconds = measure_each([partial(torch.sum, tensor) for tensor in tensors])
    return 4 * len(tensors[0]) / seconds


def count_copies(num_bytes: int, most: int = 256) -> int:
    """Copies of a tensor of this size that together exceed the cache."""
    return max(2, min(most, -(-MIN_BYTES // num_bytes)))


def measure_each(runs: Sequence[Callable[[], object]]) -> float:
    """Median seconds of one of these operations, in a CUDA graph of all of them."""

    def run_all() -> None:
        for run in runs:
            run()

    return measure_seconds(run_all) / len(runs)
