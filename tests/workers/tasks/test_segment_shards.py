"""Writing of segments to shards, and reading."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from indexes import open_store
from mm.errors import SpaceMismatch
from mm.schemas import EvidenceKind
from mm.settings import Settings
from mm.spaces.encode.evidence import EncodedEvidence, EncodedFrame, EncodedSegment
from mm.spaces.encode.scenes import boundary_time
from mm.spaces.types import SpaceId
from workers.tasks.segment_shards import read_frames, read_segments, write_segments

SPACE = SpaceId("lite", 1)
DIM = 384

kinds = st.lists(st.sampled_from(["picture", "speech", "sound", "name"]), max_size=4)
chunks = st.lists(st.lists(st.tuples(st.integers(0, 2), kinds), max_size=4), min_size=1, max_size=4)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(chunks, st.integers(0, 2**32 - 1))
def test_read_segments_returns_the_written_segments(
    tmp_path: Path, chunks: list[list[tuple[int, list[EvidenceKind]]]], seed: int
) -> None:
    random = np.random.default_rng(seed)
    written = [encoded(shots, random) for shots in chunks]
    with open_store(Settings(home=tmp_path)) as store:
        shard_ids = [write_segments(store.shards, SPACE, segments) for segments in written]
        assert [write_segments(store.shards, SPACE, segments) for segments in written] == shard_ids
        read = read_segments(store.shards, SPACE, shard_ids)
        flat = [segment for segments in written for segment in segments]
        for back, segment in zip(read, flat, strict=True):
            assert (back.start, back.end) == (segment.start, segment.end)
            for stored, evidence in zip(back.evidence, segment.evidence, strict=True):
                assert (stored.kind, stored.text) == (evidence.kind, evidence.text)
                assert (stored.start, stored.end) == (evidence.start, evidence.end)
                vector = store.shards.read(stored.shard_id, SPACE).vectors[stored.kind][stored.row]
                np.testing.assert_array_equal(vector, evidence.vector.astype(np.float16))
    numbers = iter(read)
    shots_of = [{next(numbers).shot for _ in segments} for segments in written]
    for index, shots in enumerate(shots_of):
        assert all(shots.isdisjoint(other) for other in shots_of[index + 1 :]), "two chunks never share a shot"


def test_read_frames_returns_the_written_frames_in_order_and_not_as_evidence(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    with open_store(Settings(home=tmp_path)) as store:
        chunks = [
            [EncodedSegment(0.0, 2.0, 0, [], [frame(random, 0.0), frame(random, 1.5, cut=1.25)]), EncodedSegment(2.0, 4.0, 0)],
            [EncodedSegment(4.0, 6.0, 0, [EncodedEvidence("picture", 4.0, 6.0, None, unit(random))], [frame(random, 4.5)])],
        ]
        shard_ids = [write_segments(store.shards, SPACE, chunk) for chunk in chunks]
        silent = write_segments(store.shards, SPACE, [EncodedSegment(6.0, 8.0, 0)])
        frames = read_frames(store.shards, SPACE, [*shard_ids, silent])
        written = [frame_row for chunk in chunks for segment in chunk for frame_row in segment.frames]
        assert [frame_row.time for frame_row in frames] == [0.0, 1.5, 4.5]
        np.testing.assert_array_equal(
            np.stack([frame_row.vector for frame_row in frames]),
            np.stack([frame_row.vector for frame_row in written]).astype(np.float16),
        )
        np.testing.assert_allclose(
            np.stack([frame_row.motion for frame_row in frames]), np.stack([frame_row.motion for frame_row in written]), atol=1e-4
        )
        np.testing.assert_array_equal([frame_row.cut_time for frame_row in frames], [0.0, 1.25, 4.0])
        assert boundary_time(frames, 1) == 1.25
        assert read_frames(store.shards, SPACE, [silent]) == []
        assert [len(segment.evidence) for segment in read_segments(store.shards, SPACE, shard_ids)] == [0, 0, 1]


def test_read_frames_after_a_still_shot_begins_the_next_chunk_at_its_start(tmp_path: Path) -> None:
    """Only one frame every few seconds is stored of a still shot: the middle between two frames is
    no boundary."""
    random = np.random.default_rng(1)
    chunks = [
        [EncodedSegment(0.0, 10.0, 0, [], [frame(random, 0.0), frame(random, 5.0)])],
        [EncodedSegment(10.0, 20.0, 0, [], [frame(random, 10.0), frame(random, 15.0)])],
        [EncodedSegment(20.0, 30.0, 0, [], [frame(random, 20.1, cut=20.05)])],
    ]
    with open_store(Settings(home=tmp_path)) as store:
        frames = read_frames(store.shards, SPACE, [write_segments(store.shards, SPACE, chunk) for chunk in chunks])
    assert [boundary_time(frames, index) for index in range(1, 5)] == [2.5, 10.0, 12.5, 20.05]


def frame(random: np.random.Generator, time: float, cut: float | None = None) -> EncodedFrame:
    return EncodedFrame(time, unit(random), cut is not None, cut or 0.0, random.random(3).astype(np.float32))


def encoded(shots: list[tuple[int, list[EvidenceKind]]], random: np.random.Generator) -> list[EncodedSegment]:
    """Segments of one second each, from their shot increments and the kinds of their evidence."""
    segments, shot = [], 0
    for second, (step, kinds) in enumerate(shots):
        shot += step
        start, end = float(second), second + 1.0
        evidence = [EncodedEvidence(kind, start, end, f"words {index}", unit(random)) for index, kind in enumerate(kinds)]
        segments.append(EncodedSegment(start, end, shot, evidence))
    return segments


def unit(random: np.random.Generator) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    vector = random.normal(size=DIM).astype(np.float32)
    return vector / np.linalg.norm(vector)


def test_read_segments_of_another_space_raises_space_mismatch(tmp_path: Path) -> None:
    with open_store(Settings(home=tmp_path)) as store:
        segment = EncodedSegment(0.0, 1.0, 0, [EncodedEvidence("picture", 0.0, 1.0, None, unit(np.random.default_rng(0)))])
        shard_id = write_segments(store.shards, SPACE, [segment])
        with pytest.raises(SpaceMismatch):
            read_segments(store.shards, SpaceId("lite", 2), [shard_id])


def test_language_of_speech_is_written_and_read(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    pieces = [
        EncodedEvidence("speech", 0.0, 1.0, "Guten Morgen", unit(random), "de", is_identified=True),
        EncodedEvidence("speech", 1.0, 2.0, "hello", unit(random), "en"),
        EncodedEvidence("picture", 0.0, 2.0, None, unit(random)),
    ]
    with open_store(Settings(home=tmp_path)) as store:
        shard_id = write_segments(store.shards, SPACE, [EncodedSegment(0.0, 2.0, 0, pieces)])
        (segment,) = read_segments(store.shards, SPACE, [shard_id])
    assert [(piece.language, piece.is_identified) for piece in segment.evidence] == [("de", True), ("en", False), (None, False)]
