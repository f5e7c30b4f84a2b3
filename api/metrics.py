"""Metrics for Prometheus: requests, uploads, searches, limits, and the state of the library."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

from api.limits.limiter import CLIENT, TIMEOUT, TOTAL
from indexes.catalog.records import WorkHistogram

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from prometheus_client.core import Metric

    from api.limits.connections import Connections
    from api.limits.resources import Limits
    from indexes.catalog.records import QueueStatus

CONTENT_TYPE = CONTENT_TYPE_LATEST
WORK = {
    "queue": "Time from an upload to the start of its processing.",
    "decode": "Time that the encoding of one chunk waited for its decoder.",
    "encode": "Time to encode one chunk, decoding included.",
}
"""Descriptions of the histograms of the workers, by work metric."""
EMPTY = WorkHistogram([(math.inf, 0)], 0.0)


class Metrics:
    """The metrics of one application; each has its own registry, so two in a process do not mix."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "mm_http_requests", "Requests by route and status.", ["method", "route", "status"], registry=self.registry
        )
        self.latency = Histogram(
            "mm_http_request_seconds", "Time to the end of the response.", ["method", "route"], registry=self.registry
        )
        self.refusals = Counter("mm_refusals", "Requests refused, by slug of the problem.", ["reason"], registry=self.registry)
        self.upload_bytes = Counter("mm_upload_bytes", "Bytes of media received.", registry=self.registry)
        self.uploads = Counter("mm_uploads", "Uploads by result.", ["result"], registry=self.registry)
        self.searches = Counter("mm_searches", "Searches by query components and whether they matched.", ["query", "matched"],
                                registry=self.registry)  # fmt: skip
        self.search_seconds = Histogram(
            "mm_search_seconds",
            "Time of one search, encoding of the query included.",
            registry=self.registry,
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
        )
        self.query_seconds = Histogram(
            "mm_question_seconds",
            "Time of the stages of a search: waiting in the queue, decoding files, encoding, searching.",
            ["part"],
            registry=self.registry,
            buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
        )
        self._library = Gauge(
            "mm_library", "Number of items, segments and evidence in the library.", ["what"], registry=self.registry
        )
        self._jobs = Gauge("mm_jobs", "Jobs by state.", ["state"], registry=self.registry)
        self._chunks = Gauge("mm_chunks", "Chunks of items that are waiting or running.", ["state"], registry=self.registry)
        self._oldest = Gauge("mm_oldest_job_seconds", "Age of the oldest job that has not started.", registry=self.registry)

    def register_limits(self, limits: Limits, connections: Connections) -> None:
        """Add the metrics of the limiters and connections of this process."""
        self.registry.register(_Limits(limits, connections))

    def render(
        self, library: Mapping[str, int], jobs: Mapping[str, int], queue: QueueStatus, work: Mapping[str, WorkHistogram]
    ) -> bytes:
        """Return the exposition text, with the state of the library and the work metrics."""
        self._chunks.labels("waiting").set(queue.waiting_chunks)
        self._chunks.labels("running").set(queue.running_chunks)
        self._oldest.set(queue.oldest_seconds)
        for what, count in library.items():
            self._library.labels(what).set(count)
        for state, count in jobs.items():
            self._jobs.labels(state).set(count)
        return generate_latest(self.registry) + generate_latest(_Work(work))


class _Limits:
    """Collector of the use of each limited resource."""

    def __init__(self, limits: Limits, connections: Connections) -> None:
        self._limits = limits
        self._connections = connections

    def collect(self) -> Iterator[Metric]:
        used = GaugeMetricFamily("mm_limit_used", "Slots in use of a limited resource.", labels=["resource"])
        slots = GaugeMetricFamily("mm_limit_places", "Slots of a limited resource.", labels=["resource"])
        waiting = GaugeMetricFamily("mm_limit_waiting", "Requests that wait for a slot.", labels=["resource"])
        refused = CounterMetricFamily(
            "mm_limit_refused", "Requests refused because no slot was free.", labels=["resource", "reason"]
        )
        for name, limiter in self._limits.all.items():
            used.add_metric([name], limiter.in_use)
            slots.add_metric([name], limiter.slots.total)
            waiting.add_metric([name], limiter.waiting)
            for reason in (TOTAL, CLIENT, TIMEOUT):
                refused.add_metric([name, reason], limiter.refused[reason])
        used.add_metric(["connections"], self._connections.open)
        slots.add_metric(["connections"], self._connections.total)
        waiting.add_metric(["connections"], self._connections.waiting)
        refused.add_metric(["connections", TOTAL], self._connections.closed)
        yield from (used, slots, waiting, refused)


class _Work:
    """Collector of the work metrics of all workers."""

    def __init__(self, work: Mapping[str, WorkHistogram]) -> None:
        self._work = work

    def collect(self) -> Iterator[Metric]:
        for name, description in WORK.items():
            histogram = self._work.get(name, EMPTY)
            buckets = [("+Inf" if math.isinf(bound) else str(bound), count) for bound, count in histogram.buckets]
            yield HistogramMetricFamily(f"mm_{name}_seconds", description, buckets=buckets, sum_value=histogram.total)
        media = self._work.get("media", EMPTY)
        yield CounterMetricFamily("mm_encoded_media_seconds", "Seconds of video and audio that were encoded.", value=media.total)
