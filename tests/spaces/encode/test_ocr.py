"""Recognize text in images: its segment, its search results, its time budget."""

from __future__ import annotations

import numpy as np
import pytest

from mm.media.types import RGB, Span
from mm.models.image.sample_photos import load_sample_photos
from mm.settings import Settings
from mm.spaces import Space
from mm.spaces.encode.chunk import ChunkEncoder
from mm.spaces.encode.evidence import EncodedEvidence, EncodedSegment, TextImage
from mm.spaces.encode.ocr import recognize_segments, select_for_ocr
from mm.spaces.encode.ocr_budget import SHARE, OcrBudget
from mm.spaces.query import build_query
from tests.spaces.fakes import FakeReader, media_file, plain
from tests.writing import written

RED = plain(220, 20, 20)


@pytest.fixture(scope="module")
def sign() -> RGB:
    return written(load_sample_photos()[2], ("Ferry to Zanzibar", 40, 60), ("Departs at noon", 60, 300))


def encode(space: Space, reader: FakeReader, kind: str, seconds: float, ocr_budget: OcrBudget) -> list[EncodedSegment]:
    encoder = ChunkEncoder(space, reader, Settings(), ocr_budget)
    return encoder.encode(media_file(kind, seconds), Span(0, seconds), lambda _: None)


def texts(segments: list[EncodedSegment]) -> list[str | None]:
    return [evidence.text for segment in segments for evidence in segment.evidence if evidence.kind == "written"]


def test_recognized_text_is_evidence_of_the_shot_that_shows_it(space: Space, sign: RGB) -> None:
    reader = FakeReader([(Span(0, 5), RED), (Span(5, 9), sign), (Span(9, 12), RED)])
    segments = encode(space, reader, "video", 12.0, OcrBudget("always"))
    assert [any(evidence.kind == "written" for evidence in segment.evidence) for segment in segments] == [False, True, False]
    (piece,) = [evidence for evidence in segments[1].evidence if evidence.kind == "written"]
    assert (piece.start, piece.end, piece.text) == (5, 9, "Ferry to Zanzibar / Departs at noon")


def test_recognized_text_matches_a_related_query_only(space: Space, sign: RGB) -> None:
    (segment,) = encode(space, FakeReader([(Span(0, 1), sign)]), "image", 0.0, OcrBudget("always"))
    (piece,) = [evidence for evidence in segment.evidence if evidence.kind == "written"]

    def match_probability(words: str) -> float:
        (evidence_query,) = [
            evidence_query
            for evidence_query in build_query(space, text=words).evidence_queries
            if evidence_query.kind == "written"
        ]
        return float(1 / (1 + np.exp(-evidence_query.logits(piece.vector[None])[0])))

    floor = space.calibration.floor
    assert match_probability("when does the ferry to Zanzibar leave?") > floor
    assert match_probability("a recipe for pancakes") < floor


def test_ocr_off_marks_the_segment_unread(space: Space, sign: RGB) -> None:
    segments = encode(space, FakeReader([(Span(0, 1), sign)]), "image", 0.0, OcrBudget("off"))
    assert texts(segments) == []
    assert [segment.unread for segment in segments] == [[TextImage(0.0, 0.0, 0.0)]]


def one_shot_segments(count: int) -> list[EncodedSegment]:
    """Segments of one shot each, each a second longer than the one before."""
    axis = np.eye(2, dtype=np.float32)
    return [
        EncodedSegment(float(n * n), float(n * n + n + 1), n, [EncodedEvidence("picture", 0, 1, None, axis[0])])
        for n in range(count)
    ]


def test_recognize_segments_stops_at_the_budget_longest_shots_first(space: Space, sign: RGB) -> None:
    now = [0.0]
    ocr_budget = OcrBudget("auto", lambda: now[0])
    with ocr_budget.credit():
        now[0] += 27.0  # credits 3 s

    def decode(time: float) -> RGB:
        now[0] += 2.0
        return sign

    segments = one_shot_segments(5)
    recognize_segments(space, segments, decode, ocr_budget, lambda: None)
    assert [segment.shot for segment in segments if len(segment.evidence) > 1] == [3, 4]
    assert [segment.shot for segment in segments if segment.unread] == [0, 1, 2]
    assert ocr_budget.remaining_seconds == pytest.approx(-1.0)
    assert not ocr_budget.is_available


def test_ocr_budget_over_many_chunks_uses_its_share_of_the_time() -> None:
    now, read = [0.0], 0.0
    ocr_budget = OcrBudget("auto", lambda: now[0])
    for _ in range(2000):
        with ocr_budget.credit():
            now[0] += 0.05
        if ocr_budget.is_available:
            with ocr_budget.debit():
                now[0] += 0.4
            read += 0.4
    assert read / now[0] == pytest.approx(SHARE, abs=0.01)


def test_select_for_ocr_selects_a_shot_again_where_its_image_changes() -> None:
    axis = np.eye(2, dtype=np.float32)
    axes = [axis[0], axis[0], axis[1], axis[1], axis[0]]
    segments = [
        EncodedSegment(n, n + 1, 0, [EncodedEvidence("picture", n, n + 1, None, vector)]) for n, vector in enumerate(axes)
    ]
    assert [selected.image for selected in select_for_ocr(segments)] == [TextImage(n + 0.5, n, n + 1) for n in (0, 2, 4)]
    assert select_for_ocr([EncodedSegment(0, 1, 0)]) == []
