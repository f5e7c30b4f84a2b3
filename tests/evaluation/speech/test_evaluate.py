"""Error rates of recognizers over tracks of joined recordings."""

from __future__ import annotations

import json
import wave
from pathlib import Path

import numpy as np
import pytest

from mm.data.tuxpaint import SpokenName, read_spoken_names
from mm.evaluation.speech.evaluate import evaluate
from mm.evaluation.speech.recordings import read_recordings
from mm.evaluation.speech.tracks import Track, make_tracks, track_of
from mm.media import MediaReader
from mm.media.types import SPEECH_RATE
from mm.models.speech.choice import SpeechOptions
from tests.models.whisper_model import write_whisper


def write_tone(path: Path, seconds: float, loudness: float = 0.3) -> Path:
    samples = loudness * np.sin(np.arange(int(seconds * SPEECH_RATE)) / 8)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SPEECH_RATE)
        file.writeframes((samples * 32767).astype(np.int16).tobytes())
    return path


def test_tracks_join_the_recordings_of_a_language_with_pauses(tmp_path: Path) -> None:
    names = [
        SpokenName(write_tone(tmp_path / f"{index}.wav", 3.0, 0.3 / (index + 1)), "de" if index < 4 else "fr", f"wort {index}")
        for index in range(5)
    ]
    (tmp_path / "broken.wav").write_bytes(b"no audio")
    names.append(SpokenName(tmp_path / "broken.wav", "de", "none"))
    with MediaReader() as reader:
        tracks = list(make_tracks(reader, names, seconds=9.0))
    assert [(track.language, track.words, track.num_recordings) for track in tracks] == [
        ("de", "wort 0 wort 1", 2),
        ("de", "wort 2 wort 3", 2),
        ("fr", "wort 4", 1),
    ]
    assert tracks[0].seconds == pytest.approx(8.0)
    first, second = (track.waveform[: 2 * SPEECH_RATE].std() for track in tracks[:2])
    assert first == pytest.approx(second, rel=0.05), "all have the same loudness"


def test_evaluate_counts_errors_and_the_language(tmp_path: Path) -> None:
    """A model that hears the same German words in everything."""
    model = write_whisper(tmp_path / "model")
    (speech,) = [recording for recording in read_recordings() if recording.name == "beckett.wav"]
    tracks = [Track("de", speech.waveform, "Guten Abend", 1), Track("en", speech.waveform, "Good morning", 1)]
    options = SpeechOptions(f"whisper:{model}", threads=1)
    tables = evaluate(tracks, [("tiny", options)], "Two tracks", lambda _: None)
    german, english = tables.rows
    assert german.word_error_rate is not None
    assert (german.word_error_rate.value, german.right_language) == (0.5, 1.0)
    assert (english.num_words, english.right_language) == (2, 0.0)
    assert "| de | tiny | 1 | 2 | 50.0 (50.0 to 50.0) |" in tables.table()
    assert json.loads(json.dumps(tables.record()))["worst"][0]["heard"] == "Guten Morgen"


def test_read_spoken_names_lists_each_file_once_with_its_words(tmp_path: Path) -> None:
    speech = {"en": {"file": "a.ogg"}, "pt_BR": {"file": "b.ogg"}, "lt": {"file": "c.ogg"}}
    row = {"split": "dev", "speech": speech, "text": {"en": "A frog.", "pt_BR": "Um sapo."}}
    lines = [row, row, {**row, "split": "test"}]
    (tmp_path / "manifest.jsonl").write_text("\n".join(map(json.dumps, lines)))
    assert read_spoken_names(tmp_path, "dev") == [
        SpokenName(tmp_path / "a.ogg", "en", "A frog."),
        SpokenName(tmp_path / "b.ogg", "pt", "Um sapo."),
    ]


def test_recordings_are_read_with_their_words() -> None:
    tracks = [track_of(recording) for recording in read_recordings()]
    assert [round(track.seconds) for track in tracks] == [44, 10]
