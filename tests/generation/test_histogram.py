"""The histogram compared with that of prometheus_client."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Histogram, generate_latest

from mm.generation.histogram import SecondsHistogram


@given(st.lists(st.sampled_from([0.0, 0.0005, 0.001, 0.5, 1.0, 1.5, 20.0])))
def test_seconds_histogram_is_exposed_like_that_of_prometheus_client(observations: list[float]) -> None:
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    histograms = (
        SecondsHistogram("a:seconds", "A duration.", (0.001, 0.5, 1, 10), ours),
        Histogram("a:seconds", "A duration.", registry=theirs, buckets=(0.001, 0.5, 1, 10)),
    )
    for seconds in observations:
        for histogram in histograms:
            histogram.observe(seconds)
    lines = [line for line in generate_latest(theirs).decode().splitlines() if "_created" not in line]
    assert generate_latest(ours).decode().splitlines() == lines
