"""What a report holds of files: an image, frames of a video, the start of a sound."""

from __future__ import annotations

import io
import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mm.errors import InvalidInput
from mm.evaluation.report.examples import CLIP_SECONDS, LONGEST, NUM_FRAMES
from mm.evaluation.report.write import NUM_PEAKS, find_peaks, make_wav, open_shown
from mm.media import MediaReader
from mm.media.types import SPEECH_RATE
from tests.media_files import Clicks, Track, number_of, steady, write


@pytest.fixture(scope="module")
def reader() -> Iterator[MediaReader]:
    with MediaReader() as opened:
        yield opened


def test_open_shown_of_a_video_has_frames_between_the_times_of_the_item(reader: MediaReader, tmp_path: Path) -> None:
    path = write(tmp_path / "a.mp4", Track(steady(10, 40)))
    whole = open_shown(reader, path, 0.0, None)
    assert [number_of(frame) for frame in whole.images] == [0, 10, 20, 30]
    part = open_shown(reader, path, 1.0, 3.0)
    assert [number_of(frame) for frame in part.images] == [10, 15, 20, 25]
    assert part.note == "at 1.0, 1.5, 2.0, 2.5 s"
    assert len(open_shown(reader, path, 9.0, 9.0).images) == 1  # after the end
    assert all(max(frame.shape) <= LONGEST // 2 for frame in whole.images)
    assert len(whole.images) == NUM_FRAMES


def test_open_shown_of_a_sound_has_its_start_of_bounded_length(reader: MediaReader, tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", audio=Clicks([2.5], 9.0, codec="pcm_s16le"))
    shown = open_shown(reader, path, 2.0, None)
    with wave.open(io.BytesIO(shown.sound)) as file:
        samples = np.frombuffer(file.readframes(-1), "<i2")
        assert (file.getframerate(), len(samples)) == (SPEECH_RATE, CLIP_SECONDS * SPEECH_RATE)
    loud = np.flatnonzero(np.abs(samples.astype(int)) > 3000)
    assert loud[0] / SPEECH_RATE == pytest.approx(0.5, abs=0.01)
    assert shown.note == "2.0 to 6.0 s of 9.0 s"
    assert len(shown.peaks) == NUM_PEAKS
    assert int(np.argmax(shown.peaks)) == int(0.5 / CLIP_SECONDS * NUM_PEAKS)
    assert max(shown.peaks) == 1
    assert len(open_shown(reader, path, 2.0, 3.0).sound) < len(shown.sound) / 3


def test_open_shown_of_an_image_is_the_image_and_of_a_missing_file_an_error(reader: MediaReader, tmp_path: Path) -> None:
    Image.new("RGB", (900, 300), "red").save(tmp_path / "a.png")
    (image,) = open_shown(reader, tmp_path / "a.png", 0.0, None).images
    assert image.shape[1] <= LONGEST
    with pytest.raises(InvalidInput, match=r"b\.mp4 is no longer in the folder"):
        open_shown(reader, tmp_path / "b.mp4", 0.0, None)


def test_find_peaks_of_silence_and_of_few_samples_is_finite() -> None:
    assert find_peaks(np.zeros(500, np.float32)) == [0.0] * NUM_PEAKS
    assert find_peaks(np.array([0.5, -1.0], np.float32)) == [0.5, 1.0]
    assert find_peaks(np.zeros(0, np.float32)) == []


def test_make_wav_clips_loud_samples() -> None:
    with wave.open(io.BytesIO(make_wav(np.array([-2.0, 0.0, 2.0], np.float32), 8000))) as file:
        assert np.frombuffer(file.readframes(-1), "<i2").tolist() == [-32767, 0, 32767]
