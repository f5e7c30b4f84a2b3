"""Requests of mixed lengths, and what a run of them measured."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import mean

import numpy as np


@dataclass(frozen=True, slots=True)
class WorkItem:
    """A prompt of random tokens and the number of tokens to generate, whatever they are."""

    prompt: tuple[int, ...]
    num_output_tokens: int


@dataclass(frozen=True, slots=True)
class Throughput:
    """One engine over one workload, all requests present at the start."""

    name: str
    num_requests: int
    num_prompt_tokens: int
    num_output_tokens: int
    seconds: float
    mean_first_token_seconds: float
    p99_first_token_seconds: float
    mean_inter_token_ms: float
    """Between two tokens of a request, after its first one."""
    p99_inter_token_ms: float
    """Of the means of the requests."""
    cache_waste: float | None
    """Share of the allocated positions of the cache without a token, mean of the steps."""

    @property
    def tokens_per_second(self) -> float:
        """Generated tokens."""
        return self.num_output_tokens / self.seconds


def draw_workload(
    count: int, vocab_size: int, seed: int, prompt_lens: tuple[int, int] = (32, 384), output_lens: tuple[int, int] = (32, 192)
) -> list[WorkItem]:
    """Lengths are uniform in these ranges, both ends included."""
    random = np.random.default_rng(seed)
    return [
        WorkItem(
            tuple(random.integers(0, vocab_size - 1, int(random.integers(prompt_lens[0], prompt_lens[1] + 1))).tolist()),
            int(random.integers(output_lens[0], output_lens[1] + 1)),
        )
        for _ in range(count)
    ]


def summarize(
    name: str, items: list[WorkItem], start: float, times: list[list[float]], cache_waste: float | None = None
) -> Throughput:
    """`times` of the tokens of each request, by the clock of `start`."""
    first = sorted(row[0] - start for row in times)
    gaps = sorted((row[-1] - row[0]) / (len(row) - 1) * 1e3 for row in times if len(row) > 1)
    return Throughput(
        name=name,
        num_requests=len(times),
        num_prompt_tokens=sum(len(item.prompt) for item in items),
        num_output_tokens=sum(map(len, times)),
        seconds=max(row[-1] for row in times) - start,
        mean_first_token_seconds=mean(first),
        p99_first_token_seconds=first[int(0.99 * (len(first) - 1))],
        mean_inter_token_ms=mean(gaps),
        p99_inter_token_ms=gaps[int(0.99 * (len(gaps) - 1))],
        cache_waste=cache_waste,
    )
