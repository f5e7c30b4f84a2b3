"""Text in frames: read where it is shown, found by its words, within its time."""

from __future__ import annotations

import numpy as np
import pytest

from mm.media.types import RGB, Span
from mm.models.image.sample_photos import load_sample_photos
from mm.settings import Settings
from mm.spaces import Space
from mm.spaces.encode.chunk import ChunkEncoder
from mm.spaces.encode.evidence import EncodedEvidence, EncodedSegment
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
    return [one.text for segment in segments for one in segment.evidence if one.kind == "written"]


def test_text_belongs_to_the_shot_that_shows_it(space: Space, sign: RGB) -> None:
    reader = FakeReader([(Span(0, 5), RED), (Span(5, 9), sign), (Span(9, 12), RED)])
    segments = encode(space, reader, "video", 12.0, OcrBudget("always"))
    assert [any(one.kind == "written" for one in segment.evidence) for segment in segments] == [False, True, False]
    (piece,) = [one for one in segments[1].evidence if one.kind == "written"]
    assert (piece.start, piece.end, piece.text) == (5, 9, "Ferry to Zanzibar / Departs at noon")


def test_text_of_a_picture_is_found_by_its_meaning_and_not_by_another(space: Space, sign: RGB) -> None:
    (segment,) = encode(space, FakeReader([(Span(0, 1), sign)]), "image", 0.0, OcrBudget("always"))
    (piece,) = [one for one in segment.evidence if one.kind == "written"]

    def chance(words: str) -> float:
        (probe,) = [probe for probe in build_query(space, text=words).evidence_queries if probe.kind == "written"]
        return float(1 / (1 + np.exp(-probe.logits(piece.vector[None])[0])))

    floor = space.calibration.floor
    assert chance("when does the ferry to Zanzibar leave?") > floor
    assert chance("a recipe for pancakes") < floor


def test_nothing_is_read_when_it_is_off(space: Space, sign: RGB) -> None:
    segments = encode(space, FakeReader([(Span(0, 1), sign)]), "image", 0.0, OcrBudget("off"))
    assert texts(segments) == []
    assert [segment.unread for segment in segments] == [True]


def moments(count: int) -> list[EncodedSegment]:
    """Segments of one shot each, every one a second longer than the one before."""
    axis = np.eye(2, dtype=np.float32)
    return [
        EncodedSegment(float(n * n), float(n * n + n + 1), n, [EncodedEvidence("picture", 0, 1, None, axis[0])])
        for n in range(count)
    ]


def test_reading_ends_with_its_time_longest_shots_first(space: Space, sign: RGB) -> None:
    now = [0.0]
    ocr_budget = OcrBudget("auto", lambda: now[0])
    with ocr_budget.credit():
        now[0] += 27.0  # so that 3 s may be read for

    def show(segment: EncodedSegment) -> RGB:
        now[0] += 2.0
        return sign

    segments = moments(5)
    recognize_segments(space, segments, show, ocr_budget, lambda: None)
    assert [segment.shot for segment in segments if len(segment.evidence) > 1] == [3, 4]
    assert [segment.shot for segment in segments if segment.unread] == [0, 1, 2]
    assert ocr_budget.remaining_seconds == pytest.approx(-1.0)
    assert not ocr_budget.is_available


def test_over_many_chunks_a_tenth_of_the_time_is_read_for() -> None:
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


def test_a_shot_is_read_again_where_it_changed() -> None:
    axis = np.eye(2, dtype=np.float32)
    seen = [axis[0], axis[0], axis[1], axis[1], axis[0]]
    segments = [EncodedSegment(n, n + 1, 0, [EncodedEvidence("picture", n, n + 1, None, one)]) for n, one in enumerate(seen)]
    assert [segment.start for segment in select_for_ocr(segments)] == [0, 2, 4]
    assert select_for_ocr([EncodedSegment(0, 1, 0)]) == []
