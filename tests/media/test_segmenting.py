"""Chunks and segments tile the time of an item within their maximum length."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mm.errors import InvalidInput
from mm.media.segmenting import MIN_SHOT, cut_chunks, cut_segments
from mm.media.types import Span

durations = st.floats(0, 20_000, allow_nan=False)
lengths = st.floats(1.0, 600.0)
times = st.lists(st.floats(0, 20_000, allow_nan=False), max_size=200)
ROUNDING = 1 + 1e-9


def assert_tiles(spans: list[Span], start: float, end: float, longest: float) -> None:
    assert spans[0].start == start
    assert spans[-1].end == end
    assert all(before.end == after.start for before, after in pairwise(spans))
    assert all(0 <= span.length <= longest * ROUNDING for span in spans)
    assert all(span.length > 0 for span in spans) or end == start


@given(durations, times, lengths)
def test_cut_chunks_tiles_the_duration(duration: float, keyframes: list[float], longest: float) -> None:
    assert_tiles(cut_chunks(duration, sorted(keyframes), longest), 0.0, duration, longest)


@given(durations, lengths)
def test_cut_chunks_without_keyframes_are_equally_long(duration: float, longest: float) -> None:
    chunks = cut_chunks(duration, [], longest)
    assert max(chunk.length for chunk in chunks) - min(chunk.length for chunk in chunks) < 1e-6


@given(st.integers(1, 2000), st.floats(0.1, 60), st.floats(61, 300))
def test_cut_chunks_with_enough_keyframes_cuts_only_at_them(count: int, step: float, longest: float) -> None:
    keyframes = [index * step for index in range(count)]
    chunks = cut_chunks(count * step, keyframes, longest)
    assert {chunk.start for chunk in chunks} <= set(keyframes)


def test_cut_chunks_of_a_short_item_is_one_chunk() -> None:
    assert cut_chunks(120.0, [0.0, 60.0], 120.0) == [Span(0.0, 120.0)]
    assert cut_chunks(0.0, [], 120.0) == [Span(0.0, 0.0)]
    assert cut_chunks(121.0, [0.0, 60.0, 119.0], 120.0) == [Span(0.0, 60.0), Span(60.0, 121.0)]


@given(st.floats(0, 5000), st.floats(0, 600), times, st.floats(MIN_SHOT, 60))
def test_cut_segments_tiles_the_span_with_ascending_shot_numbers(
    start: float, length: float, cuts: list[float], longest: float
) -> None:
    span = Span(start, start + length)
    segments = cut_segments(span, cuts, longest)
    assert_tiles([segment for segment, _ in segments], span.start, span.end, longest)
    shots = [shot for _, shot in segments]
    assert shots[0] == 0
    assert all(after - before in {0, 1} for before, after in pairwise(shots))


@given(st.lists(st.floats(0, 600), max_size=30), st.floats(1, 30))
def test_cut_segments_crosses_no_cut(cuts: list[float], longest: float) -> None:
    span = Span(0.0, 600.0)
    effective: list[float] = []
    for cut in sorted(cuts):
        if cut - (effective[-1] if effective else 0.0) >= MIN_SHOT and 600.0 - cut >= MIN_SHOT:
            effective.append(cut)
    segments = cut_segments(span, cuts, longest)
    assert not any(segment.start < cut < segment.end for cut in effective for segment, _ in segments)
    assert {segment.start for segment, _ in segments} >= set(effective)
    assert segments[-1][1] == len(effective)


def test_cut_segments_merges_a_short_shot_with_the_one_before() -> None:
    span = Span(10.0, 20.0)
    cuts = [10.1, 14.0, 14.2, 19.8, 5.0, 25.0]
    assert cut_segments(span, cuts, 10.0) == [(Span(10.0, 14.0), 0), (Span(14.0, 20.0), 1)]


@pytest.mark.parametrize("longest", [0.0, -1.0, float("nan")])
def test_cut_with_an_invalid_maximum_length_raises(longest: float) -> None:
    with pytest.raises(InvalidInput):
        cut_chunks(10.0, [], longest)
    with pytest.raises(InvalidInput):
        cut_segments(Span(0.0, 10.0), [], longest)


@pytest.mark.parametrize("duration", [-1.0, float("nan"), float("inf")])
def test_cut_with_an_invalid_duration_raises(duration: float) -> None:
    with pytest.raises(InvalidInput):
        cut_chunks(duration, [], 10.0)
    with pytest.raises(InvalidInput):
        cut_segments(Span(0.0, duration), [], 10.0)
