"""A library whose moments have speech, written text and scenes, for questions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mm.spaces.encode.evidence import EncodedEvidence, EncodedSegment
from tests.api import media
from tests.api.conftest import ApiServer, add_searchable
from tests.generation.upstream.server import LanguageServer, run_language_server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mm.schemas import EvidenceKind

LINES = (
    "the garage is closed until Monday morning",
    "my grandmother repairs a broken radio with tweezers",
    "the museum tickets are far too expensive",
    "we fly a kite on the windy beach",
)
"""What is said in the scenes of `lecture.mp4`, of ten seconds each."""


@pytest.fixture(scope="module")
def language() -> Iterator[LanguageServer]:
    with run_language_server() as server:
        yield server


@pytest.fixture(scope="session")
def lecture(api: ApiServer) -> str:
    return add_lecture(api)


def add_lecture(api: ApiServer) -> str:
    """The id of a video of four shots with two segments; the first has a line of speech."""
    space = api.service.space

    def evidence(kind: EvidenceKind, start: float, text: str) -> EncodedEvidence:
        return EncodedEvidence(kind, start, start + 4.0, text, space.text.embed([text])[0])

    segments = []
    for number, line in enumerate(LINES):
        start = 10.0 * number
        written = [evidence("written", start, "exit through the side gate")] if number == 2 else []
        segments.append(EncodedSegment(start, start + 5.0, number, [evidence("speech", start, line), *written]))
        segments.append(EncodedSegment(start + 5.0, start + 10.0, number, []))
    return add_searchable(api, media.video(40.0, seed=77), "lecture.mp4", "lecture", segments)
