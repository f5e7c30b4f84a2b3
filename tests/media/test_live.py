"""Live decoder: frames of a stream that has no file, in the sandbox."""

from __future__ import annotations

import threading
from fractions import Fraction

import av
import pytest

from mm.errors import MediaError
from mm.media.live import LiveDecoder
from tests.media_files import number_of, numbered

NUM_FRAMES = 12


def access_units(codec: str = "h264") -> list[bytes]:
    """H.264 or H.265 in Annex B form, one unit a frame, without reordering."""
    encoder = av.CodecContext.create({"h264": "libx264", "hevc": "libx265"}[codec], "w")
    encoder.width, encoder.height, encoder.pix_fmt = 160, 96, "yuv420p"
    encoder.time_base, encoder.options = (
        Fraction(1, 10),
        {"tune": "zerolatency", "g": "6", "threads": "1", "x265-params": "log-level=none:pools=none:frame-threads=1:bframes=0"},
    )
    units = []
    for number in [*range(NUM_FRAMES), None]:
        frame = None
        if number is not None:
            frame = av.VideoFrame.from_ndarray(numbered(number), format="rgb24").reformat(format="yuv420p")
            frame.pts = number
        units += [bytes(packet) for packet in encoder.encode(frame)]
    return units


def decode(units: list[bytes], codec: str = "h264") -> list[tuple[float, int]]:
    with LiveDecoder(codec, "camera") as decoder:  # type: ignore[arg-type]

        def write() -> None:
            for index, unit in enumerate(units):
                decoder.write(100 + index / 10, unit)
            decoder.end()

        thread = threading.Thread(target=write)
        thread.start()
        found = [(round(frame.time, 3), number_of(frame.image)) for frame in decoder.frames()]
        thread.join()
    return found


@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_live_decoder_returns_every_frame_with_its_time(codec: str) -> None:
    assert decode(access_units(codec), codec) == [(round(100 + index / 10, 3), index) for index in range(NUM_FRAMES)]


def test_live_decoder_returns_a_frame_before_the_next_one_is_written() -> None:
    with LiveDecoder("h264", "camera") as decoder:
        frames = decoder.frames()
        for index, unit in enumerate(access_units()):
            decoder.write(float(index), unit)
            assert number_of(next(frames).image) == index


def test_live_decoder_damaged_unit_is_skipped() -> None:
    units = access_units()
    units[3] = b"\x00\x00\x00\x01\x65" + bytes(range(200))
    numbers = [number for _, number in decode(units)]
    assert numbers[:3] == [0, 1, 2]
    assert numbers[-6:] == list(range(6, 12))


def test_live_decoder_other_codec_is_refused() -> None:
    with pytest.raises(MediaError, match="unsupported"):
        decode([], codec="mjpeg")
