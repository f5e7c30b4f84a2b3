"""Encode chunks of media that exist only as arrays, with the shipped space."""

from __future__ import annotations

import itertools
import threading
import wave
from pathlib import Path

import moonshine_voice
import numpy as np
import pytest

from mm.errors import MediaError
from mm.media.types import SPEECH_RATE, Span, Waveform
from mm.settings import Settings
from mm.spaces import Space
from mm.spaces.encode.chunk import FRAMES_WITH_AUDIO, ChunkEncoder
from mm.spaces.encode.evidence import EncodedSegment
from mm.spaces.encode.file_name import encode_file_name
from tests.sounds import bell, silence, siren
from tests.spaces.fakes import FakeReader, media_file, plain

RED, GREEN = plain(220, 20, 20), plain(20, 160, 20)


def encode(
    space: Space, reader: FakeReader, kind: str, span: Span, duration: float, *, audio: bool = False
) -> list[EncodedSegment]:
    return ChunkEncoder(space, reader, Settings()).encode(media_file(kind, duration, audio=audio), span, lambda share: None)


@pytest.fixture(scope="module")
def recording() -> Waveform:
    with wave.open(str(Path(moonshine_voice.__file__).parent / "assets" / "beckett.wav")) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), np.int16) / 32768
        rate, channels = file.getframerate(), file.getnchannels()
    mono = samples.reshape(-1, channels).mean(1)
    times = np.arange(int(len(mono) / rate * SPEECH_RATE)) / SPEECH_RATE
    return np.interp(times, np.arange(len(mono)) / rate, mono).astype(np.float32)


def test_encode_video_segments_tile_the_span_and_do_not_cross_shots(space: Space) -> None:
    reader = FakeReader([(Span(0, 14), RED), (Span(14, 20), GREEN)])
    segments = encode(space, reader, "video", Span(0, 20), 20)
    assert segments[0].start == 0
    assert segments[-1].end == 20
    assert all(segment.end == other.start for segment, other in itertools.pairwise(segments))
    assert all(segment.end - segment.start <= Settings().segment_seconds for segment in segments)
    assert 14 in {segment.start for segment in segments}
    assert [segment.shot for segment in segments] == [0 if segment.start < 14 else 1 for segment in segments]
    red, green = space.image.embed([RED, GREEN])
    for segment in segments:
        (evidence,) = segment.evidence
        assert (evidence.start, evidence.end, evidence.kind, evidence.text) == (segment.start, segment.end, "picture", None)
        # A segment without a frame of its own has the last frame before it.
        np.testing.assert_allclose(evidence.vector, red if segment.start < 14 else green, atol=1e-4)


def test_encode_video_of_a_still_camera_is_cut_at_events_unless_the_setting_is_off(space: Space) -> None:
    person = RED.copy()
    person[10:40, 15:22] = (20, 40, 200)
    file = media_file("video", 40)
    shown = [(Span(0, 12), RED), (Span(12, 23), person), (Span(23, 40), RED)]
    for setting in ("on", "off"):
        reader = FakeReader(shown, marks_cuts=False)
        settings = Settings.model_validate({"event_cuts": setting})
        segments = ChunkEncoder(space, reader, settings).encode(file, Span(0, 40), lambda share: None)
        shots = [list(group) for _, group in itertools.groupby(segments, key=lambda segment: segment.shot)]
        edges = [shot[0].start for shot in shots][1:]
        if setting == "off":
            assert edges == []
        else:
            assert edges == [pytest.approx(12, abs=0.5), pytest.approx(23, abs=0.5)]


def test_encode_speech_line_belongs_to_one_chunk_and_overlaps_its_segment(space: Space, recording: Waveform) -> None:
    reader = FakeReader([(Span(0, 20), RED)], np.concatenate([np.zeros(5 * SPEECH_RATE, np.float32), recording]))
    halves = [encode(space, reader, "video", Span(start, start + 8), 16, audio=True) for start in (0, 8)]
    whole = encode(space, reader, "video", Span(0, 16), 16, audio=True)
    lines = [e for segment in [*halves[0], *halves[1]] for e in segment.evidence if e.kind == "speech"]
    assert [e.text for e in lines] == [e.text for s in whole for e in s.evidence if e.kind == "speech"]
    assert any("try again" in (e.text or "").lower() for e in lines)
    for segment in whole:
        for evidence in segment.evidence:
            assert evidence.end > segment.start
            assert evidence.start < segment.end
            assert np.linalg.norm(evidence.vector) == pytest.approx(1, abs=1e-4)


def test_encode_audio_file_gives_segments_with_speech(space: Space, recording: Waveform) -> None:
    segments = encode(space, FakeReader(sound=recording), "audio", Span(0, 10), 10, audio=True)
    assert segments[0].start == 0
    assert segments[-1].end == 10
    assert {e.kind for segment in segments for e in segment.evidence} == {"speech"}


def test_encode_sounds_are_located_and_exclude_speech(space: Space, recording: Waveform) -> None:
    waveform = np.concatenate([silence(10), siren(10), recording[: 10 * SPEECH_RATE]])
    reader = FakeReader([(Span(0, 30), RED)], waveform)
    for kind in ("video", "audio"):
        segments = encode(space, reader, kind, Span(0, 30), 30, audio=True)
        sounds = [evidence for segment in segments for evidence in segment.evidence if evidence.kind == "sound"]
        assert sounds
        assert all(evidence.end > 10 and evidence.start < 20 for evidence in sounds)
        assert any("siren" in (evidence.text or "") for evidence in sounds)
        assert all(evidence.kind != "sound" for segment in segments if segment.end <= 10 for evidence in segment.evidence)
        siren_vector = space.sound.embed(siren(10))
        assert siren_vector is not None
        assert max(float(evidence.vector @ siren_vector) for evidence in sounds) > 0.9
        for segment in segments:
            for evidence in segment.evidence:
                assert evidence.end > segment.start
                assert evidence.start < segment.end


def test_encode_sounds_of_two_chunks_tile_the_whole(space: Space) -> None:
    """The windows of a chunk tile it: no window belongs to two chunks."""
    reader = FakeReader(sound=np.concatenate([siren(8), bell(8)]))
    halves = [encode(space, reader, "audio", Span(start, start + 8), 16, audio=True) for start in (0, 8)]
    times = [
        (evidence.start, evidence.end)
        for half in halves
        for segment in half
        for evidence in segment.evidence
        if evidence.kind == "sound"
    ]
    assert times[0][0] == 0
    assert times[-1][1] == 16
    assert all(first[1] == second[0] for first, second in itertools.pairwise(times))


def test_encode_image_is_one_segment_of_length_0(space: Space) -> None:
    (segment,) = encode(space, FakeReader([(Span(0, 1), RED)]), "image", Span(0, 0), 0)
    assert (segment.start, segment.end) == (0, 0)
    np.testing.assert_allclose(segment.evidence[0].vector, space.image.embed([RED])[0], atol=1e-4)


def test_encode_progress_ascends_in_the_calling_thread_and_may_raise(space: Space) -> None:
    reader = FakeReader([(Span(second, second + 1), RED if second % 2 else GREEN) for second in range(20)])
    shares: list[float] = []
    threads: set[int] = set()

    def progress(share: float) -> None:
        shares.append(share)
        threads.add(threading.get_ident())

    ChunkEncoder(space, reader, Settings()).encode(media_file("video", 20), Span(0, 20), progress)
    assert shares == sorted(shares)
    assert shares[-1] == 1
    assert threads == {threading.get_ident()}

    def stop(share: float) -> None:
        raise RuntimeError("lease lost")

    with pytest.raises(RuntimeError, match="lease lost"):
        ChunkEncoder(space, reader, Settings()).encode(media_file("video", 20), Span(0, 20), stop)


def test_encode_propagates_errors_of_the_reader(space: Space) -> None:
    class Broken(FakeReader):
        def waveform(self, path: Path, name: str, span: Span) -> Waveform:
            raise MediaError(name, "truncated", "the file ends early")

    with pytest.raises(MediaError, match="truncated"):
        encode(space, Broken([(Span(0, 5), RED)]), "video", Span(0, 5), 5, audio=True)


def test_encode_file_name_of_a_generated_name_is_none(space: Space) -> None:
    named = encode_file_name(space, "coffee_break.jpg")
    assert named is not None
    assert (named.kind, named.text) == ("name", "coffee break")
    np.testing.assert_allclose(named.vector, space.text.embed(["coffee break"])[0], atol=1e-5)
    assert encode_file_name(space, "IMG_1234.jpg") is None


def test_encode_progress_is_called_while_only_audio_is_encoded(space: Space, monkeypatch: pytest.MonkeyPatch) -> None:
    """Progress ends a cancelled job, and prevents a report of a working process as stalled."""
    monkeypatch.setattr("mm.spaces.encode.chunk.WAIT_SECONDS", 0.01)
    released = threading.Event()
    monkeypatch.setattr("mm.spaces.encode.chunk.encode_audio", lambda *_: [] if released.wait(60) else None)
    shares: list[float] = []

    def progress(share: float) -> None:
        shares.append(share)
        if shares.count(FRAMES_WITH_AUDIO) == 3:
            released.set()  # the audio thread ends with the work
            raise InterruptedError

    reader = FakeReader([(Span(0, 4), RED)], np.zeros(4 * SPEECH_RATE, np.float32))
    with pytest.raises(InterruptedError):
        ChunkEncoder(space, reader, Settings()).encode(media_file("video", 4.0, audio=True), Span(0, 4), progress)
    assert shares == sorted(shares)
    assert shares[-1] == FRAMES_WITH_AUDIO


def test_encode_progress_ends_at_1_for_every_kind_of_media(space: Space) -> None:
    for kind, audio in (("image", False), ("video", False), ("video", True), ("audio", True)):
        shares: list[float] = []
        reader = FakeReader([(Span(0, 14), RED), (Span(14, 20), GREEN)], np.zeros(20 * SPEECH_RATE, np.float32))
        span = Span(0, 0) if kind == "image" else Span(0, 20)
        encoder = ChunkEncoder(space, reader, Settings(read_text="always"))
        encoder.encode(media_file(kind, span.length, audio=audio), span, shares.append)
        assert shares == sorted(shares), kind
        assert shares[-1] == 1.0
