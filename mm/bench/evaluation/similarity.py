"""Duration and memory of ranking images and captions both ways."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mm.bench.meter import Meter, memory_bytes
from mm.metrics.ranking import first_ranks, one_hot_relevance
from mm.metrics.retrieval import rank_both_ways
from mm.numerics import Float32, normalize_rows

DIMENSIONS = 384
MAX_WHOLE_BYTES = 2 * 2**30
"""The reference implementation only runs where its matrix of scores is no larger."""

MIN_SECONDS = 1.0
"""Small sizes are repeated, so that their memory is sampled."""


@dataclass(frozen=True, slots=True)
class SimilarityTiming:
    """Seconds, and bytes above those of the process with its vectors."""

    num_images: int
    num_captions: int
    dimensions: int
    seconds: float
    peak_bytes: int
    whole_seconds: float | None
    """Of the reference implementation on the matrix of all scores; None where it is too large."""
    whole_bytes: int
    """Of the matrix of all scores."""


def measure_similarity(num_images: int, num_captions: int, dimensions: int = DIMENSIONS, seed: int = 0) -> SimilarityTiming:
    """Rank random vectors both ways in blocks and, where it fits, on the whole matrix.

    Captions belong to images in turn.
    """
    random = np.random.default_rng(seed)
    images_ND, captions_MD = (_draw(random, count, dimensions) for count in (num_images, num_captions))
    image_of_M = np.arange(num_captions) % num_images
    before = memory_bytes()
    durations: list[float] = []
    with Meter() as blocks:
        while sum(durations) < MIN_SECONDS:
            start = time.perf_counter()
            rank_both_ways(images_ND, captions_MD, image_of_M)
            durations.append(time.perf_counter() - start)
    whole_bytes, whole_seconds = 4 * num_images * num_captions, None
    if whole_bytes <= MAX_WHOLE_BYTES:
        with Meter(memory=False) as whole:
            scores_NM = images_ND @ captions_MD.T
            own_MN = one_hot_relevance(image_of_M, num_images)
            first_ranks(scores_NM.T, own_MN)
            first_ranks(scores_NM[own_MN.any(0)], own_MN.T[own_MN.any(0)])
        whole_seconds = whole.seconds
    peak = max(0, blocks.peak - before)
    return SimilarityTiming(num_images, num_captions, dimensions, float(np.median(durations)), peak, whole_seconds, whole_bytes)


def _draw(random: np.random.Generator, count: int, dimensions: int) -> Float32:
    return normalize_rows(random.standard_normal((count, dimensions), np.float32))


def list_similarity_lines(timings: Sequence[SimilarityTiming]) -> list[str]:
    """A Markdown table."""
    return [
        "ranking both ways, in blocks, beside one matrix of all scores:",
        "| images | captions | dimensions | seconds | peak MB | seconds, one matrix | MB of that matrix |",
        "| --- | --- | --- | --- | --- | --- | --- |",
        *(
            f"| {each.num_images:,} | {each.num_captions:,} | {each.dimensions} | {each.seconds:.2f} | "
            f"{each.peak_bytes / 1e6:.0f} | {'not computed' if each.whole_seconds is None else f'{each.whole_seconds:.2f}'} | "
            f"{each.whole_bytes / 1e6:.0f} |"
            for each in timings
        ),
    ]
