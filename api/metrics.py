"""What `/metrics` tells Prometheus: requests, uploads, searches, and the library as it is when asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest

if TYPE_CHECKING:
    from collections.abc import Mapping

CONTENT_TYPE = CONTENT_TYPE_LATEST


class Metrics:
    """One registry an application, so that two applications in one process do not add up."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "mm_http_requests", "Requests by route and status.", ["method", "route", "status"], registry=self.registry
        )
        self.latency = Histogram(
            "mm_http_request_seconds", "Time to the end of the response.", ["method", "route"], registry=self.registry
        )
        self.refusals = Counter("mm_refusals", "Requests refused, by the problem's slug.", ["reason"], registry=self.registry)
        self.upload_bytes = Counter("mm_upload_bytes", "Bytes of media received.", registry=self.registry)
        self.uploads = Counter("mm_uploads", "Uploads by what became of them.", ["result"], registry=self.registry)
        self.searches = Counter("mm_searches", "Searches by what was asked with and whether it matched.", ["query", "matched"],
                                registry=self.registry)  # fmt: skip
        self.search_seconds = Histogram(
            "mm_search_seconds",
            "Time of one search, the encoding of its question included.",
            registry=self.registry,
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
        )
        self.question_seconds = Histogram(
            "mm_question_seconds",
            "Time of the parts of a question: waiting for its turn, decoding its files, encoding, searching.",
            ["part"],
            registry=self.registry,
            buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
        )
        self._library = Gauge("mm_library", "What the library holds.", ["what"], registry=self.registry)
        self._jobs = Gauge("mm_jobs", "Jobs by state.", ["state"], registry=self.registry)

    def render(self, library: Mapping[str, int], jobs: Mapping[str, int]) -> bytes:
        """The exposition, with the gauges set to what holds now."""
        for what, count in library.items():
            self._library.labels(what).set(count)
        for state, count in jobs.items():
            self._jobs.labels(state).set(count)
        return generate_latest(self.registry)
