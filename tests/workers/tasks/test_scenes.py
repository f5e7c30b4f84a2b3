"""Scenes of segments, and segments that are split at the start of a scene."""

from __future__ import annotations

import io
from itertools import pairwise

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from indexes.catalog.records import NewEvidence, NewSegment
from indexes.search.searcher import Searcher
from mm.models.image.sample_photos import load_sample_photos
from mm.schemas import Filters
from mm.spaces import Space
from mm.spaces.encode.evidence import EncodedEvidence, EncodedFrame, EncodedSegment
from mm.spaces.query import build_query
from tests.workers.conftest import Home, work
from workers.context import WorkerContext
from workers.tasks import scenes
from workers.tasks.scenes import assign_scenes, number_scenes
from workers.tasks.segment_shards import read_segments, write_segments

FPS, SECONDS = 8, 9.0
DIM = 384


def create_photo_video(*numbers: int) -> bytes:
    """Create an H.264 video that shows each photo for `SECONDS` with a slow zoom.

    Each photo dissolves into the next over two seconds.
    """
    pictures = [Image.fromarray(load_sample_photos()[number]) for number in numbers]
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as output:
        stream = output.add_stream("libx264", rate=FPS, options={"preset": "ultrafast", "g": "16"})
        stream.width, stream.height, stream.pix_fmt = 192, 160, "yuv420p"
        for index in range(round(len(pictures) * SECONDS * FPS)):
            time = index / FPS
            views = [view(picture, time - number * SECONDS) for number, picture in enumerate(pictures)]
            weights = [float(np.clip((time - number * SECONDS) / 2 + 0.5, 0, 1)) for number in range(len(pictures))]
            picture = views[0]
            for other, weight in zip(views[1:], weights[1:], strict=True):
                picture = (1 - weight) * picture + weight * other
            output.mux(stream.encode(av.VideoFrame.from_ndarray(np.rint(picture).astype(np.uint8), format="rgb24")))
        output.mux(stream.encode(None))
    return file.getvalue()


def view(picture: Image.Image, seconds: float) -> np.ndarray:
    edge = 0.02 * float(np.clip(seconds + 1, 0, SECONDS + 2))
    width, height = picture.size
    box = (edge * width, edge * height, (1 - edge) * width, (1 - edge) * height)
    return np.asarray(picture.resize((192, 160), Image.Resampling.BILINEAR, box), np.float32)


def test_assign_scenes_finds_scenes_across_chunks_and_hits_contain_them(home: Home, context: WorkerContext, space: Space) -> None:
    """A cat, a rocket, a cup, with dissolves that no cut detector finds during the zoom."""
    job_id = home.add(create_photo_video(1, 4, 2), "video.mp4")
    work(context, job_id)
    item_id = home.job(job_id).item_id
    segments = home.store.catalog.list_segments(item_id, space.id, -1.0, 100)
    scene_spans = sorted({segment.scene for segment in segments if segment.scene is not None})
    assert len(scene_spans) == 3
    assert [start for start, _ in scene_spans] == pytest.approx([0.0, SECONDS, 2 * SECONDS], abs=1.5)
    assert all(left[1] == right[0] for left, right in pairwise(scene_spans))
    for segment in segments:
        assert segment.scene is not None
        assert segment.scene[0] <= segment.start < segment.end <= segment.scene[1]
        assert [piece.kind for piece in segment.evidence].count("picture") == 1
    with Searcher(home.store, space.id, home.settings) as searcher:
        searcher.follower.refresh()
        (hit, *_) = searcher.search(build_query(space, text="a rocket on its launch pad"), 5, Filters(), 0.0)
    assert hit.scene == scene_spans[1]


def test_assign_scenes_splits_a_segment_with_vectors_of_its_own_frames(
    home: Home, context: WorkerContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    current = context.spaces.load_current()
    a, b = np.eye(DIM, dtype=np.float32)[:2]
    frames = [EncodedFrame(float(t), a if t < 4 else b, False, 0.0, np.zeros(3, np.float32)) for t in range(8)]
    speech_evidence = [EncodedEvidence("speech", start, start + 1.5, "words", a) for start in (0.5, 6.0)]
    evidence = [EncodedEvidence("picture", 0.0, 8.0, None, (a + b) / np.sqrt(2)), *speech_evidence]
    shard_id = write_segments(context.store.shards, current.id, [EncodedSegment(0.0, 8.0, 0, evidence, frames)])
    segments = read_segments(context.store.shards, current.id, [shard_id])
    monkeypatch.setattr(scenes, "scene_starts", lambda tower, frames: [4.0])
    parts = assign_scenes(context.store.shards, current, segments, [shard_id])
    assert [(part.start, part.end, part.shot, part.scene) for part in parts] == [
        (0.0, 4.0, 0, (0.0, 4.0)),
        (4.0, 8.0, 1, (4.0, 8.0)),
    ]
    for part, vector, start in zip(parts, (a, b), (0.5, 6.0), strict=True):
        picture, speech = part.evidence
        assert (picture.kind, picture.start, picture.end) == ("picture", part.start, part.end)
        stored = context.store.shards.read(picture.shard_id, current.id).vectors["picture"][picture.row]
        np.testing.assert_array_equal(stored, vector)
        assert (speech.kind, speech.start) == ("speech", start)
    assert assign_scenes(context.store.shards, current, segments, [shard_id]) == parts, "a second run gives the same result"


def test_assign_scenes_without_frames_returns_the_segments_unchanged(
    home: Home, context: WorkerContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    current = context.spaces.load_current()
    segment = EncodedSegment(0.0, 8.0, 0, [EncodedEvidence("sound", 0.0, 8.0, "rain", np.eye(DIM, dtype=np.float32)[0])])
    shard_id = write_segments(context.store.shards, current.id, [segment])
    segments = read_segments(context.store.shards, current.id, [shard_id])
    assert assign_scenes(context.store.shards, current, segments, [shard_id]) == segments, "audio has no frames"
    assert segments[0].scene is None


@given(lengths=st.lists(st.tuples(st.integers(1, 9), st.booleans()), min_size=1, max_size=12), starts=st.lists(st.floats(0, 80)))
def test_number_scenes_tile_the_video_and_contain_whole_segments(lengths: list[tuple[int, bool]], starts: list[float]) -> None:
    edges = np.cumsum([0, *(length for length, _ in lengths)]).tolist()
    shots = np.cumsum([cut for _, cut in lengths]).tolist()
    piece = NewEvidence("picture", 0.0, 1.0, None, "x", 0)
    segments = [
        NewSegment(float(start), float(end), shot, [piece]) for (start, end), shot in zip(pairwise(edges), shots, strict=True)
    ]
    numbered = number_scenes(segments, starts)
    assert [(segment.start, segment.end, segment.evidence) for segment in numbered] == [
        (segment.start, segment.end, segment.evidence) for segment in segments
    ]
    scene_spans = [segment.scene for segment in numbered]
    assert all(
        scene is not None and scene[0] <= segment.start < segment.end <= scene[1]
        for segment, scene in zip(numbered, scene_spans, strict=True)
    )
    distinct = list(dict.fromkeys(scene_spans))
    assert all(left is not None and right is not None and left[1] == right[0] for left, right in pairwise(distinct))
    assert len(distinct) <= 1 + len(starts)
    for before, after in pairwise(range(len(segments))):
        new = shots[after] != shots[before] or scene_spans[after] != scene_spans[before]
        assert (numbered[after].shot - numbered[before].shot) == new, (
            "shots are numbered consecutively, and a scene begins a shot"
        )
