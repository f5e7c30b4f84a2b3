"""Runs independent fits of an evaluation in processes of their own, one thread each."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def run_jobs(work: Callable[[Item], Result], items: Sequence[Item], num_jobs: int) -> Iterator[Result]:
    """The result of each item, in their order, up to `num_jobs` of them at once.

    With one at a time this process does the work. Otherwise `work`, items and results are pickled.
    The first error that a job raises is raised here, after those before it.
    """
    if num_jobs == 1:
        yield from map(work, items)
        return
    context = multiprocessing.get_context("spawn")  # threads of the graph would not survive a fork
    with _limit_threads(), ProcessPoolExecutor(min(num_jobs, max(len(items), 1)), context, _limit_loaded_libraries) as pool:
        yield from pool.map(work, items)


def divide(results: Sequence[Result], size: int) -> list[Sequence[Result]]:
    """Consecutive results, `size` at a time."""
    return [results[start : start + size] for start in range(0, len(results), size)]


@contextmanager
def _limit_threads() -> Iterator[None]:
    """Processes that are started meanwhile use one thread in each library that reads a variable."""
    before = {name: os.environ.get(name) for name in THREAD_VARIABLES}
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name)
            if value is not None:
                os.environ[name] = value


def _limit_loaded_libraries() -> None:
    import cv2

    cv2.setNumThreads(1)
