"""What `/metrics` tells Prometheus: requests, uploads, searches, and the library as it is when
asked."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

from api.limits.limiter import CALLER, TIMEOUT, TOTAL
from indexes.catalog.records import WorkHistogram

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from prometheus_client.core import Metric

    from api.limits.connections import Connections
    from api.limits.resources import Limits
    from indexes.catalog.records import QueueStatus

CONTENT_TYPE = CONTENT_TYPE_LATEST
WORK = {
    "queue": "Time from an upload to the first work on it.",
    "decode": "Time that the encoding of one chunk waited for its decoder.",
    "encode": "Time that one chunk took, its decoding included.",
}
"""Histograms of the workers, by the name of their tally."""
NOTHING = WorkHistogram([(math.inf, 0)], 0.0)


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
        self._chunks = Gauge("mm_chunks", "Parts of items that wait or are worked on.", ["state"], registry=self.registry)
        self._oldest = Gauge("mm_oldest_job_seconds", "Age of the oldest job that nobody began.", registry=self.registry)

    def watch(self, limits: Limits, connections: Connections) -> None:
        """Show what the limiters and connections of this process hold."""
        self.registry.register(_Limits(limits, connections))

    def render(
        self, library: Mapping[str, int], jobs: Mapping[str, int], queue: QueueStatus, work: Mapping[str, WorkHistogram]
    ) -> bytes:
        """The exposition, with the gauges set to what holds now, and what the workers added up."""
        self._chunks.labels("waiting").set(queue.waiting_chunks)
        self._chunks.labels("running").set(queue.running_chunks)
        self._oldest.set(queue.oldest_seconds)
        for what, count in library.items():
            self._library.labels(what).set(count)
        for state, count in jobs.items():
            self._jobs.labels(state).set(count)
        return generate_latest(self.registry) + generate_latest(_Work(work))


class _Limits:
    """What is in use of each limited resource."""

    def __init__(self, limits: Limits, connections: Connections) -> None:
        self._limits = limits
        self._connections = connections

    def collect(self) -> Iterator[Metric]:
        used = GaugeMetricFamily("mm_limit_used", "Places in use of a limited resource.", labels=["resource"])
        places = GaugeMetricFamily("mm_limit_places", "Places of a limited resource.", labels=["resource"])
        waiting = GaugeMetricFamily("mm_limit_waiting", "Requests that wait for a place.", labels=["resource"])
        refused = CounterMetricFamily("mm_limit_refused", "Requests refused for want of a place.", labels=["resource", "reason"])
        for name, limiter in self._limits.all.items():
            used.add_metric([name], limiter.inside)
            places.add_metric([name], limiter.places.total)
            waiting.add_metric([name], limiter.waiting)
            for reason in (TOTAL, CALLER, TIMEOUT):
                refused.add_metric([name, reason], limiter.refused[reason])
        used.add_metric(["connections"], self._connections.open)
        places.add_metric(["connections"], self._connections.total)
        waiting.add_metric(["connections"], self._connections.waiting)
        refused.add_metric(["connections", TOTAL], self._connections.closed)
        yield from (used, places, waiting, refused)


class _Work:
    """The workers' numbers of this moment, as prometheus-client collects them."""

    def __init__(self, work: Mapping[str, WorkHistogram]) -> None:
        self._work = work

    def collect(self) -> Iterator[Metric]:
        for name, meaning in WORK.items():
            tally = self._work.get(name, NOTHING)
            buckets = [("+Inf" if math.isinf(bound) else str(bound), count) for bound, count in tally.buckets]
            yield HistogramMetricFamily(f"mm_{name}_seconds", meaning, buckets=buckets, sum_value=tally.total)
        media = self._work.get("media", NOTHING)
        yield CounterMetricFamily("mm_encoded_media_seconds", "Seconds of video and sound that were encoded.", value=media.total)
