"""The speech tower on a recording of its package, silence and noise; VAD and lines."""

from __future__ import annotations

import wave
from itertools import pairwise
from pathlib import Path

import moonshine_voice
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mm.errors import InvalidInput
from mm.media.types import SPEECH_RATE, Waveform
from mm.models.speech.lines import SpeechLine, filter_lines, split_line
from mm.models.speech.tower import SpeechTower
from mm.models.speech.vad import FRAME, MAX_LENGTH, SILENCE_RMS, detect_activity


@pytest.fixture(scope="module")
def tower() -> SpeechTower:
    return SpeechTower()


@pytest.fixture(scope="module")
def recording() -> Waveform:
    return read_beckett()


def read_beckett() -> Waveform:
    """Ten seconds of six short sentences, resampled to 16 kHz by linear interpolation."""
    with wave.open(str(Path(moonshine_voice.__file__).parent / "assets" / "beckett.wav")) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), np.int16) / 32768
        rate, channels = file.getframerate(), file.getnchannels()
    mono = samples.reshape(-1, channels).mean(1)
    times = np.arange(int(len(mono) / rate * SPEECH_RATE)) / SPEECH_RATE
    return np.interp(times, np.arange(len(mono)) / rate, mono).astype(np.float32)


def test_transcribe_returns_lines_with_times(tower: SpeechTower, recording: Waveform) -> None:
    lines = tower.transcribe(recording)
    assert "try again" in " ".join(line.text for line in lines).lower()
    assert all(0 <= line.start < line.end <= len(recording) / SPEECH_RATE for line in lines)
    assert [line.start for line in lines] == sorted(line.start for line in lines)


def test_speech_tower_without_keep_gives_the_same_lines(tower: SpeechTower, recording: Waveform) -> None:
    expected = tower.transcribe(recording)
    brief = SpeechTower(keep=False)
    for _ in range(2):
        lines = brief.transcribe(recording)
        assert "try again" in " ".join(line.text for line in lines).lower()
        # The voice activity detection of Moonshine varies by a few frames between calls.
        assert (lines[0].start, lines[-1].end) == pytest.approx((expected[0].start, expected[-1].end), abs=0.3)
    assert brief.describe() == tower.describe()


def test_transcribe_leading_silence_shifts_times(tower: SpeechTower, recording: Waveform) -> None:
    plain = tower.transcribe(recording)
    later = tower.transcribe(np.concatenate([np.zeros(90 * SPEECH_RATE, np.float32), recording]))
    assert later[0].start == pytest.approx(plain[0].start + 90, abs=0.3)
    assert later[0].text == plain[0].text


def test_transcribe_silence_and_noise_give_no_lines(tower: SpeechTower) -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, 10 * SPEECH_RATE).astype(np.float32)
    for waveform in (np.zeros(0, np.float32), np.zeros(50 * SPEECH_RATE, np.float32), noise):
        assert tower.transcribe(waveform) == []


@pytest.mark.parametrize(
    "waveform",
    [np.zeros((2, 100), np.float32), np.zeros(100, np.float64), np.full(100, np.nan, np.float32), np.zeros(9, np.int16)],
)
def test_transcribe_invalid_waveform_is_refused(tower: SpeechTower, waveform: np.ndarray) -> None:
    with pytest.raises(InvalidInput, match="waveform"):
        tower.transcribe(waveform)


def test_detect_activity_silence_gives_no_intervals() -> None:
    assert detect_activity(np.zeros(SPEECH_RATE, np.float32)) == []
    assert detect_activity(np.zeros(0, np.float32)) == []


@settings(max_examples=60, deadline=None)
@given(arrays(np.bool_, st.integers(1, 9000), elements=st.booleans(), fill=st.just(False)), st.integers(0, FRAME - 1))
def test_detect_activity_covers_all_sound_in_bounded_intervals(loud: np.ndarray, rest: int) -> None:
    waveform = np.concatenate([np.repeat(loud, FRAME), np.zeros(rest, np.bool_)]).astype(np.float32) * (10 * SILENCE_RMS)
    intervals = detect_activity(waveform)
    covered = np.zeros(len(waveform), np.bool_)
    for interval in intervals:
        assert 0 <= interval.start < interval.end <= len(waveform)
        assert interval.end - interval.start <= MAX_LENGTH * FRAME
        assert not covered[interval.start : interval.end].any()
        covered[interval.start : interval.end] = True
    assert covered[waveform > 0].all()
    assert [interval.start for interval in intervals] == sorted(interval.start for interval in intervals)


def test_filter_lines_removes_hallucinations() -> None:
    spoken = SpeechLine(0, 2, " It was the best of times. ")
    hallucinations = [
        SpeechLine(2, 4, ""),
        SpeechLine(4, 6, "... ♪"),
        SpeechLine(6, 9, "to the cat, to the cat, to the cat, to the cat"),
        SpeechLine(9, 9.2, "Far more words than anybody could ever say in a fifth of a second"),
    ]
    assert filter_lines([spoken, *hallucinations]) == [SpeechLine(0, 2, "It was the best of times.")]
    assert filter_lines([SpeechLine(0, 2, "No, no, never.")]) != []


def test_split_line_splits_a_long_line_between_sentences() -> None:
    line = SpeechLine(10, 30, "The first one is here. And then a second one comes. Yes. The third one ends it all.")
    pieces = split_line(line)
    assert [piece.text for piece in pieces] == [
        "The first one is here.",
        "And then a second one comes. Yes.",
        "The third one ends it all.",
    ]
    assert split_line(SpeechLine(0, 5, line.text)) == [SpeechLine(0, 5, line.text)]


@given(st.lists(st.text("ab .!?", max_size=30), max_size=6).map(" ".join), st.floats(0, 100), st.floats(0.1, 60))
def test_split_line_keeps_text_and_time_range(text: str, start: float, length: float) -> None:
    pieces = split_line(SpeechLine(start, start + length, text))
    assert pieces[0].start == start
    assert pieces[-1].end == start + length
    assert all(first.end == second.start for first, second in pairwise(pieces))
    assert " ".join(" ".join(piece.text for piece in pieces).split()) == " ".join(text.split())
