"""decord equals PyAV on the videos that it is allowed to decode, and refuses all others."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import pytest

from mm.errors import MediaError
from mm.media import MediaReader
from mm.media.sandbox.advisories import known_vulnerabilities
from mm.media.types import Span
from tests.media_files import Clicks, Track, number_of, set_edit_list, set_rotation, steady, write

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytest.importorskip("decord")

RATE = steady(25, 60)
PLAIN = {"preset": "veryfast", "g": "12", "bf": "0"}


@pytest.fixture(scope="module")
def decord() -> Iterator[MediaReader]:
    with MediaReader(decoder="decord") as reader:
        yield reader


ALLOWED = {
    "plain": Track(RATE, options=PLAIN),
    "all key frames": Track(RATE, options={**PLAIN, "g": "1"}),
    "one group": Track(RATE, options={**PLAIN, "g": "300", "sc_threshold": "0"}),
    "NTSC rate": Track(steady(30_000 / 1001, 60), options=PLAIN),
    "odd size": Track(RATE, options=PLAIN, width=170, height=98),
}


@pytest.mark.parametrize("track", ALLOWED.values(), ids=ALLOWED.keys())
@pytest.mark.parametrize("audio", [None, Clicks([0.5], 2.4)], ids=["without audio", "with audio"])
def test_decord_on_allowed_videos_equals_pyav(
    reader: MediaReader, decord: MediaReader, tmp_path: Path, track: Track, audio: Clicks | None
) -> None:
    path = write(tmp_path / "video.mp4", track, audio)
    for span, fps in ((Span(0.0, 10.0), 1000.0), (Span(0.7, 1.9), 1000.0), (Span(0.48, 2.0), 5.0)):
        expected, frames = (list(r.frames(path, "video.mp4", span, fps)) for r in (reader, decord))
        assert [frame.time for frame in frames] == [frame.time for frame in expected]
        assert [number_of(frame.image) for frame in frames] == [number_of(frame.image) for frame in expected]
        assert all(np.median(np.abs(a.image.astype(int) - b.image)) <= 3 for a, b in zip(expected, frames, strict=True))
    for time in np.random.default_rng(0).uniform(0, 2.5, 20).tolist():
        assert number_of(decord.frame_at(path, "video.mp4", time)) == number_of(reader.frame_at(path, "video.mp4", time))
    assert decord.frame_at(path, "video.mp4", 1.0, longest=80).shape == reader.frame_at(path, "video.mp4", 1.0, longest=80).shape


REFUSED = {
    "its frame rate varies": (Track([*RATE[:20], *(time + 1 for time in RATE[20:])], options=PLAIN), "mp4"),
    "its first frame is not at time 0": (Track(steady(25, 40, 1.0), options=PLAIN), "mp4"),
    "its groups of pictures are open": (
        Track(RATE, options={"bf": "3", "x264-params": "open-gop=1:keyint=12:min-keyint=6:scenecut=0"}),
        "mp4",
    ),
    "it is not H.264 in MP4": (Track(RATE, options=PLAIN), "matroska"),
}


@pytest.mark.parametrize(("reason", "video"), REFUSED.items(), ids=REFUSED.keys())
def test_decord_on_inexact_videos_raises_unsupported(
    decord: MediaReader, tmp_path: Path, reason: str, video: tuple[Track, str]
) -> None:
    track, container = video
    path = write(tmp_path / "video", track, container=container)
    for call in (lambda: decord.frame_at(path, "video", 0.5), lambda: list(decord.frames(path, "video", Span(0, 1), 2.0))):
        with pytest.raises(MediaError, match=f"decord does not decode this video exactly, {reason}") as raised:
            call()
        assert raised.value.reason == "unsupported"
    assert decord.probe(path, "video").kind == "video"


def test_decord_on_edit_lists_and_rotation_raises_unsupported(decord: MediaReader, tmp_path: Path) -> None:
    path = write(tmp_path / "edit.mp4", Track(RATE, options={**PLAIN, "bf": "2"}))
    set_edit_list(path, Fraction(17, 25), Fraction(1))
    with pytest.raises(MediaError, match="edit list"):
        decord.frame_at(path, "edit.mp4", 0.5)
    path = write(tmp_path / "turned.mp4", Track(RATE, options=PLAIN))
    set_rotation(path, 90)
    with pytest.raises(MediaError, match="rotated"):
        decord.frame_at(path, "turned.mp4", 0.5)


def test_known_vulnerabilities_with_decord_names_it() -> None:
    (sentence,) = known_vulnerabilities("8.1.2", decoder="decord")
    assert "decord" in sentence
