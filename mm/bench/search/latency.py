"""Latency of text queries against a running service, from the request to the parsed response."""

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

NUM_WARM_UP = 3
"""Searches before the measurement; the first loads the towers."""
INDEX_SECONDS = 600
"""Longest wait for the index of a new library."""
SUBJECTS = ("a dog", "two children", "a man in a red shirt", "a woman", "a white car", "people in uniform", "a black horse")
ACTIONS = ("jumps over a fence", "sits on a bench", "runs along the beach", "is seen from above", "talks about the budget")


@dataclass(frozen=True, slots=True)
class Times:
    """Milliseconds."""

    p50: float
    p99: float


@dataclass(frozen=True, slots=True)
class SearchReport:
    """One run; the names of the fields are the keys of `--json`."""

    questions: int
    k: int
    clients: int
    """Number of concurrent clients, each with one request at a time."""
    per_second: float
    """Searches per second of all clients."""
    http: Times
    """From the call to the parsed response."""
    service: Times
    """As the service reports it: encode the query, search, read the catalog."""

    def lines(self) -> list[str]:
        """The report as a Markdown table."""
        return [
            f"| {self.questions} text queries, k = {self.k}, {self.clients} at a time: {self.per_second:.0f} a second "
            "| p50 ms | p99 ms |",
            "| --- | --- | --- |",
            f"| over HTTP | {self.http.p50:.1f} | {self.http.p99:.1f} |",
            f"| inside the service | {self.service.p50:.1f} | {self.service.p99:.1f} |",
        ]


def run(client: Client, num_queries: int, k: int, floor: float | None, filters: Filters, clients: int = 1) -> SearchReport:
    """Send text queries from concurrent clients.

    Raises `InvalidInput` for zero queries or clients, and the errors of a search.
    """
    if num_queries < 1 or clients < 1:
        raise InvalidInput("At least one query and one client are needed.")
    _wait_for_index(client)
    texts = [f"{subject} {action}" for action in ACTIONS for subject in SUBJECTS]

    def search(number: int) -> tuple[float, float]:
        start = time.perf_counter()
        response = client.search(text=texts[number % len(texts)], k=k, floor=floor, filters=filters)
        return time.perf_counter() - start, response.seconds

    for number in range(NUM_WARM_UP):
        search(number)
    start = time.perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        durations = list(pool.map(search, range(num_queries)))
    elapsed = time.perf_counter() - start
    http, service = zip(*durations, strict=True)
    return SearchReport(num_queries, k, clients, num_queries / elapsed, _percentiles(http), _percentiles(service))


def _wait_for_index(client: Client) -> None:
    """Wait until the index is ready. Raises `Unavailable` after `INDEX_SECONDS`."""
    end = time.monotonic() + INDEX_SECONDS
    while True:
        check = next((check for check in client.ready().checks if check.name == "index"), None)
        if check is None or check.ok:
            return
        if time.monotonic() > end:
            raise Unavailable(f"The index was not ready within {INDEX_SECONDS} s. {check.detail}")
        time.sleep(0.2)


def compare_with_faiss(segments: Sequence[int], num_queries: int, cache: Path | None) -> int:
    """Print the latency of the index and of plain FAISS over synthetic segments.

    Returns the exit code of `indexes.bench`, which runs as a process.
    """
    command = [sys.executable, "-P", "-m", "indexes.bench", "--questions", str(num_queries)]
    for size in segments:
        command += ["--segments", str(size)]
    if cache is not None:
        command += ["--cache", str(cache)]
    return subprocess.run(command, check=False).returncode


def _percentiles(seconds: tuple[float, ...]) -> Times:
    p50, p99 = np.percentile(seconds, [50, 99]) * 1e3
    return Times(float(p50), float(p99))
