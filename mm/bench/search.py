"""How long does a question in words take, from sending it to holding the answer, against a running service?"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from mm.client import Client
from mm.errors import InvalidInput
from mm.schemas import Filters

WARM = 3
"""Questions that are not counted: the first waits for the towers."""
WHO = ("a dog", "two children", "a man in a red shirt", "a woman", "a white car", "people in uniform", "a black horse")
DOES = ("jumps over a fence", "sits on a bench", "runs along the beach", "is seen from above", "talks about the budget")


@dataclass(frozen=True, slots=True)
class Times:
    """Milliseconds, of one client that asks one question after the other."""

    p50: float
    p99: float


@dataclass(frozen=True, slots=True)
class SearchReport:
    """What one run saw."""

    questions: int
    k: int
    http: Times
    """From the call to the answer as a Python value."""
    service: Times
    """What the service says of itself: encode, search, rows of the catalog."""

    def lines(self) -> list[str]:
        """The report as a Markdown table."""
        return [
            f"| {self.questions} questions in words, k = {self.k} | p50 ms | p99 ms |",
            "| --- | --- | --- |",
            f"| over HTTP | {self.http.p50:.1f} | {self.http.p99:.1f} |",
            f"| inside the service | {self.service.p50:.1f} | {self.service.p99:.1f} |",
        ]


def run(client: Client, questions: int, k: int, floor: float | None, filters: Filters) -> SearchReport:
    """Ask so many questions. Raises `InvalidInput` for none, and what a search raises."""
    if questions < 1:
        raise InvalidInput("At least one question must be asked.")
    texts = [f"{who} {does}" for does in DOES for who in WHO]
    http: list[float] = []
    service: list[float] = []
    for number in range(-WARM, questions):
        begin = time.perf_counter()
        answer = client.search(text=texts[number % len(texts)], k=k, floor=floor, filters=filters)
        elapsed = time.perf_counter() - begin
        if number >= 0:
            http.append(elapsed)
            service.append(answer.seconds)
    return SearchReport(questions, k, _times(http), _times(service))


def _times(seconds: list[float]) -> Times:
    p50, p99 = np.percentile(seconds, [50, 99]) * 1e3
    return Times(float(p50), float(p99))
