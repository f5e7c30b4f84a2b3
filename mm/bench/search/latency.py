"""How long does a question in words take, from sending it to holding the answer, against a running
service?"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mm.client import Client
from mm.errors import InvalidInput, Unavailable
from mm.schemas import Filters

WARM = 3
"""Questions that are not counted: the first waits for the towers."""
INDEX_SECONDS = 600
"""In which the index of a library that was just filled has to be built."""
WHO = ("a dog", "two children", "a man in a red shirt", "a woman", "a white car", "people in uniform", "a black horse")
DOES = ("jumps over a fence", "sits on a bench", "runs along the beach", "is seen from above", "talks about the budget")


@dataclass(frozen=True, slots=True)
class Times:
    """Milliseconds."""

    p50: float
    p99: float


@dataclass(frozen=True, slots=True)
class SearchReport:
    """What one run saw."""

    questions: int
    k: int
    clients: int
    """Each asks one question after the other."""
    per_second: float
    """Questions answered in a second, by all clients together."""
    http: Times
    """From the call to the answer as a Python value."""
    service: Times
    """What the service says of itself: encode, search, rows of the catalog."""

    def lines(self) -> list[str]:
        """The report as a Markdown table."""
        return [
            f"| {self.questions} questions in words, k = {self.k}, {self.clients} at once: {self.per_second:.0f} a second "
            "| p50 ms | p99 ms |",
            "| --- | --- | --- |",
            f"| over HTTP | {self.http.p50:.1f} | {self.http.p99:.1f} |",
            f"| inside the service | {self.service.p50:.1f} | {self.service.p99:.1f} |",
        ]


def run(client: Client, questions: int, k: int, floor: float | None, filters: Filters, clients: int = 1) -> SearchReport:
    """Ask so many questions, so many at a time. Raises `InvalidInput` for none, and what a search
    raises."""
    if questions < 1 or clients < 1:
        raise InvalidInput("At least one question must be asked, by at least one client.")
    _wait_for_index(client)
    texts = [f"{who} {does}" for does in DOES for who in WHO]

    def ask(number: int) -> tuple[float, float]:
        begin = time.perf_counter()
        answer = client.search(text=texts[number % len(texts)], k=k, floor=floor, filters=filters)
        return time.perf_counter() - begin, answer.seconds

    for number in range(WARM):
        ask(number)
    begin = time.perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        seen = list(pool.map(ask, range(questions)))
    elapsed = time.perf_counter() - begin
    http, service = zip(*seen, strict=True)
    return SearchReport(questions, k, clients, questions / elapsed, _times(http), _times(service))


def _wait_for_index(client: Client) -> None:
    """Return once the index says that it follows the catalog. Raises `Unavailable` where that takes
    too long."""
    until = time.monotonic() + INDEX_SECONDS
    while True:
        found = next((check for check in client.ready().checks if check.name == "index"), None)
        if found is None or found.ok:
            return
        if time.monotonic() > until:
            raise Unavailable(f"The index was not ready within {INDEX_SECONDS} s. {found.detail}")
        time.sleep(0.2)


def compare_with_faiss(segments: Sequence[int], questions: int, cache: Path | None) -> int:
    """Print the index beside plain FAISS over so many made-up segments. Returns the exit code of
    the process that measures: the library knows nothing of the index."""
    command = [sys.executable, "-P", "-m", "indexes.bench", "--questions", str(questions)]
    for size in segments:
        command += ["--segments", str(size)]
    if cache is not None:
        command += ["--cache", str(cache)]
    return subprocess.run(command, check=False).returncode


def _times(seconds: tuple[float, ...]) -> Times:
    p50, p99 = np.percentile(seconds, [50, 99]) * 1e3
    return Times(float(p50), float(p99))
