"""Generated media files with known content: frames that carry their number, audio with clicks."""

from __future__ import annotations

import struct
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Literal

import av
import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from av.container import OutputContainer

RGB = npt.NDArray[np.uint8]
Audio = npt.NDArray[np.float32]

WIDTH, HEIGHT = 160, 96
COLUMNS, ROWS = 5, 2  # cells of the number: 10 bits
TICKS = 90_000  # ticks per second of the timestamps while encoding
CLICK_SECONDS = 0.004


def numbered(number: int, width: int = WIDTH, height: int = HEIGHT) -> RGB:
    """An image that carries `number` (0 to 1023) in black and white cells on a background."""
    image = np.empty((height, width, 3), np.uint8)
    image[:] = (60, 110, 160)
    for bit in range(COLUMNS * ROWS):
        (top, bottom), (left, right) = _cell(bit, width, height)
        image[top:bottom, left:right] = 235 if number >> bit & 1 else 20
    return image


def number_of(image: RGB) -> int:
    """The number that a decoded `numbered` image carries, at any size."""
    height, width = image.shape[:2]
    number = 0
    for bit in range(COLUMNS * ROWS):
        (top, bottom), (left, right) = _cell(bit, width, height)
        inset_y, inset_x = (bottom - top) // 4, (right - left) // 4
        number |= int(image[top + inset_y : bottom - inset_y, left + inset_x : right - inset_x].mean() > 128) << bit
    return number


def _cell(bit: int, width: int, height: int) -> tuple[tuple[int, int], tuple[int, int]]:
    row, column = divmod(bit, COLUMNS)
    margin_x, margin_y = width // 10, height // 8
    step_x, step_y = (width - 2 * margin_x) / COLUMNS, (height - 2 * margin_y) / ROWS
    top, left = margin_y + row * step_y, margin_x + column * step_x
    return (round(top), round(top + step_y)), (round(left), round(left + step_x))


def scene(seed: int, width: int = WIDTH, height: int = HEIGHT) -> RGB:
    """An image of large coloured blocks that depend on the seed."""
    blocks = np.random.default_rng(seed).integers(0, 255, (4, 6, 3), dtype=np.uint8)
    rows, columns = np.arange(height) * 4 // height, np.arange(width) * 6 // width
    return np.ascontiguousarray(blocks[rows][:, columns])


def steady(fps: float, count: int, start: float = 0.0) -> list[Fraction]:
    """Times of `count` frames at a constant rate."""
    step = 1 / Fraction(fps).limit_denominator(1001)
    return [Fraction(start).limit_denominator(TICKS) + index * step for index in range(count)]


@dataclass(frozen=True)
class Track:
    """Frames to encode: their times in seconds, and the encoding."""

    times: Sequence[Fraction]
    codec: str = "libx264"
    options: dict[str, str] = field(default_factory=dict)
    pix_fmt: str = "yuv420p"
    width: int = WIDTH
    height: int = HEIGHT
    pictures: Sequence[RGB] | None = None  # instead of numbered images
    rate: Fraction | None = None  # in the header; by default the rate of the first two frames

    def picture(self, index: int) -> RGB:
        return numbered(index, self.width, self.height) if self.pictures is None else self.pictures[index]


@dataclass(frozen=True)
class Clicks:
    """An audio track of silence with a click at each of `at`; it starts at `start`.

    Both are in seconds of the file's clock.
    """

    at: Sequence[float]
    seconds: float
    codec: str = "aac"
    rate: int = 48_000
    layout: Literal["mono", "stereo"] = "mono"
    start: float = 0.0
    options: dict[str, str] = field(default_factory=dict)


def write(
    path: Path, track: Track | None = None, audio: Clicks | None = None, *, container: str | None = None, **options: str
) -> Path:
    """Encode and mux a file. `options` are options of the muxer.

    Runs in a thread of its own: SVT-AV1 sets a real-time priority for the encoding thread where it
    is permitted, and does not reset it. The test and its child processes would inherit it.
    """
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(_write, path, track, audio, container, options).result()


def _write(path: Path, track: Track | None, audio: Clicks | None, container: str | None, options: dict[str, str]) -> Path:
    with av.open(str(path), "w", format=container, options=options) as output:
        encoders = [_video_packets(output, track)] if track else []
        if audio:
            encoders.append(_audio_packets(output, audio))
        packets = [packet for encoder in encoders for packet in encoder]
        for packet in sorted(packets, key=lambda packet: packet.dts * packet.time_base):
            output.mux(packet)
    return path


def _video_packets(output: OutputContainer, track: Track) -> Iterable[av.Packet]:
    rate = track.rate or (1 / (track.times[1] - track.times[0]) if len(track.times) > 1 else Fraction(25))
    stream = output.add_stream(track.codec, rate=rate.limit_denominator(1001), options=dict(track.options))
    stream.width, stream.height, stream.pix_fmt = track.width, track.height, track.pix_fmt
    has_constant_rate = output.format.name in {"gif", "avi", "mpeg", "vob"} or track.codec == "mpeg2video"
    stream.codec_context.time_base = 1 / rate if has_constant_rate else Fraction(1, TICKS)
    time_base = stream.codec_context.time_base

    def packets() -> Iterable[av.Packet]:
        for index, time in enumerate(track.times):
            frame = av.VideoFrame.from_ndarray(track.picture(index), format="rgb24").reformat(format=track.pix_fmt)
            frame.pts, frame.time_base = round(time / time_base), time_base
            yield from stream.encode(frame)
        yield from stream.encode(None)

    return packets()


def _audio_packets(output: OutputContainer, audio: Clicks) -> Iterable[av.Packet]:
    stream = output.add_stream(audio.codec, rate=audio.rate, options=dict(audio.options))
    stream.codec_context.layout = audio.layout
    samples = clicks([time - audio.start for time in audio.at], audio.seconds, audio.rate)
    channels = 2 if audio.layout == "stereo" else 1

    def packets() -> Iterable[av.Packet]:
        frame = av.AudioFrame.from_ndarray(np.tile(samples, (channels, 1)), format="fltp", layout=audio.layout)
        frame.sample_rate, frame.time_base = audio.rate, Fraction(1, audio.rate)
        fifo = av.AudioFifo()
        frame.pts = 0
        resampler = av.AudioResampler(stream.codec_context.format, audio.layout, audio.rate)
        for block in resampler.resample(frame):
            block.pts = 0
            fifo.write(block)
        position = 0
        size = stream.codec_context.frame_size or 1024
        while (block := fifo.read(size, partial=True)) is not None:
            block.pts, block.time_base = position + round(audio.start * audio.rate), Fraction(1, audio.rate)
            position += block.samples
            yield from stream.encode(block)
        yield from stream.encode(None)

    return packets()


def clicks(at: Iterable[float], seconds: float, rate: int) -> Audio:
    """Silence with a burst of 2 kHz that starts at each of `at`; mono, shape (seconds * rate,)."""
    samples = np.zeros(round(seconds * rate), np.float32)
    times = np.arange(round(CLICK_SECONDS * rate)) / rate
    burst = (0.8 * np.sin(2 * np.pi * 2000 * times)).astype(np.float32)
    for time in at:
        start = round(time * rate)
        samples[start : start + len(burst)] = burst[: max(len(samples) - start, 0)]
    return samples


def click_times(samples: Audio, rate: int) -> list[float]:
    """Times at which clicks start in a decoded waveform, by its bursts of energy."""
    energy = np.convolve(samples.astype(np.float64) ** 2, np.ones(round(CLICK_SECONDS * rate)), mode="full")
    times, peak_energy = [], energy.max(initial=0.0)
    if peak_energy < 1e-4:
        return []
    energy = energy.copy()
    while (peak := int(energy.argmax())) and energy[peak] > 0.4 * peak_energy:
        times.append((peak + 1) / rate - CLICK_SECONDS)
        energy[max(peak - round(0.05 * rate), 0) : peak + round(0.05 * rate)] = 0
    return sorted(times)


def set_rotation(path: Path, degrees: int) -> None:
    """Set the display matrix of the video track of an MP4 to a clockwise rotation by `degrees`."""
    cos, sin = {0: (1, 0), 90: (0, 1), 180: (-1, 0), 270: (0, -1)}[degrees]
    matrix = struct.pack(">9i", cos << 16, sin << 16, 0, -sin << 16, cos << 16, 0, 0, 0, 1 << 30)
    data = path.read_bytes()
    at = data.index(b"tkhd") + 4 + 40  # version 0: 4 flags, 20 times and track, 16 layer and volume
    path.write_bytes(data[:at] + matrix + data[at + 36 :])


def read_time_scale(data: bytes) -> int:
    """Ticks per second of the first track of an MP4."""
    at = data.index(b"mdhd") + 4 + 12
    return int(struct.unpack(">I", data[at : at + 4])[0])


def set_edit_list(path: Path, start: Fraction, duration: Fraction) -> None:
    """Change the only entry of the first edit list of an MP4 to `duration` seconds from `start`."""
    data = path.read_bytes()
    at = data.index(b"elst") + 4 + 8  # the movie counts in milliseconds, the track in its own ticks
    media_time = struct.unpack(">i", data[at + 4 : at + 8])[0] + round(start * read_time_scale(data))
    path.write_bytes(data[:at] + struct.pack(">Ii", round(duration * 1000), media_time) + data[at + 8 :])
