"""Metrics of the engine for Prometheus, with the names and meanings of vLLM, so that its dashboards
show them (docs.vllm.ai, "Production metrics")."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge

from mm.generation.histogram import SecondsHistogram

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mm.generation.request import FinishReason

SECONDS = (0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40, 80, 160)


@dataclass(slots=True)
class _Times:
    arrival: float
    is_scheduled: bool = False
    last_token: float | None = None


class EngineMetrics:
    """Counts and times of one engine, in a registry of its own."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.registry = CollectorRegistry()
        self._clock = clock
        self._times: dict[str, _Times] = {}
        self._num_preemptions = 0
        self._time_to_first_token = self._histogram("time_to_first_token_seconds", "From arrival to the first token.")
        self._inter_token_latency = self._histogram("inter_token_latency_seconds", "Between tokens of a request.")
        self._queue_time = self._histogram("request_queue_time_seconds", "From arrival to the first schedule.")
        self._latency = self._histogram("e2e_request_latency_seconds", "From arrival to the end of a request.")
        self._num_running = self._gauge("num_requests_running", "Requests in the batch.")
        self._num_waiting = self._gauge("num_requests_waiting", "Requests that wait to be admitted.")
        self._cache_usage = self._gauge("kv_cache_usage_perc", "Share of the blocks in use, from 0 to 1.")
        self._preemptions = self._counter("num_preemptions", "Preemptions of running requests.")
        self._prompt_tokens = self._counter("prompt_tokens", "Tokens of prompts of admitted requests.")
        self._generation_tokens = self._counter("generation_tokens", "Generated tokens.")
        self._cache_queries = self._counter("prefix_cache_queries", "Prompt tokens looked up in the cache.")
        self._cache_hits = self._counter("prefix_cache_hits", "Prompt tokens found in the cache.")
        self._finished = self._counter("request_success", "Requests by the reason of their end.", ["finished_reason"])

    def record_arrival(self, request_id: str) -> None:
        self._times[request_id] = _Times(self._clock())

    def record_admission(self, request_id: str, num_prompt_tokens: int, num_cached_tokens: int) -> None:
        """The request is in the batch of a step; calls after the first are ignored."""
        times = self._times[request_id]
        if not times.is_scheduled:
            times.is_scheduled = True
            self._queue_time.observe(self._clock() - times.arrival)
            self._prompt_tokens.inc(num_prompt_tokens)
            self._cache_queries.inc(num_prompt_tokens)
            self._cache_hits.inc(num_cached_tokens)

    def record_tokens(self, request_ids: Sequence[str]) -> None:
        """A step generated a token of each of these requests."""
        now = self._clock()  # once for all: it may be a system call
        for request_id in request_ids:
            times = self._times[request_id]
            if times.last_token is None:
                self._time_to_first_token.observe(now - times.arrival)
            else:
                self._inter_token_latency.observe(now - times.last_token)
            times.last_token = now
        self._generation_tokens.inc(len(request_ids))

    def record_finish(self, request_id: str, reason: FinishReason) -> None:
        self._latency.observe(self._clock() - self._times.pop(request_id).arrival)
        self._finished.labels(reason).inc()

    def record_state(self, num_running: int, num_waiting: int, cache_usage: float, num_preemptions: int) -> None:
        """The state after a change, and the number of preemptions since the engine was made."""
        self._num_running.set(num_running)
        self._num_waiting.set(num_waiting)
        self._cache_usage.set(cache_usage)
        self._preemptions.inc(num_preemptions - self._num_preemptions)
        self._num_preemptions = num_preemptions

    def _histogram(self, name: str, text: str) -> SecondsHistogram:
        return SecondsHistogram(f"vllm:{name}", text, SECONDS, self.registry)

    def _gauge(self, name: str, text: str) -> Gauge:
        return Gauge(f"vllm:{name}", text, registry=self.registry)

    def _counter(self, name: str, text: str, labels: Sequence[str] = ()) -> Counter:
        return Counter(f"vllm:{name}", text, labels, registry=self.registry)
