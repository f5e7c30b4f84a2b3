"""Generate the video of the demo, and the image, audio and clip of its queries."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from mm.cli.demo.ground_truth import ImageVariant, Recording, Scene

if TYPE_CHECKING:
    from PIL.Image import Image

FPS = Fraction(10)
WIDTH, HEIGHT = 640, 360
RATE = 48_000  # samples per second
BLOCK = 1024  # samples per AAC frame

Samples = npt.NDArray[np.int16]


def splice(scenes: Sequence[Scene], sounds: Sequence[Recording], files: Mapping[str, Path], target: Path) -> None:
    """Write an MP4 (H.264, AAC) of the scenes and sounds. `files` has the path of each name."""
    frames = (frame for scene in scenes for frame in _scene(files[scene.shows], scene.seconds))
    audio = np.zeros(round(sum(scene.seconds for scene in scenes) * RATE), np.int16)
    for recording in sounds:
        samples = _read_samples(files[recording.plays])
        start = round(recording.at * RATE)
        audio[start : start + len(samples)] = samples[: len(audio) - start]
    _write(target, frames, audio)


def cut_clip(source: Path, start: float, end: float, target: Path) -> None:
    """Write a time range of a clip, re-encoded, without audio."""
    images = list(_images_at(source, (start + number / FPS for number in range(round((end - start) * FPS)))))
    _write(target, (_fill(image) for image in images), np.zeros(0, np.int16))


def cut_audio(source: Path, start: float, end: float, target: Path) -> None:
    """Write a time range of a recording as 16-bit WAV."""
    import wave

    with wave.open(str(target), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(_read_samples(source)[round(start * RATE) : round(end * RATE)].tobytes())


def write_variant(source: Path, variant: ImageVariant, target: Path) -> None:
    """Write a variant of a photo as JPEG."""
    from PIL import Image, ImageOps

    with Image.open(source) as photo:
        sides = (photo.width, photo.height) * 2
        left, top, right, bottom = (round(fraction * side) for fraction, side in zip(variant.crop, sides, strict=True))
        view = photo.convert("RGB").crop((left, top, right, bottom))
    (ImageOps.mirror(view) if variant.mirrored else view).save(target, "JPEG", quality=85)


def _scene(path: Path, seconds: float) -> Iterator[Image]:
    count = round(seconds * FPS)
    if path.suffix == ".mp4":
        yield from map(_fill, _images_at(path, (number / FPS for number in range(count))))
        return
    from PIL import Image

    with Image.open(path) as photo:
        yield from [_fill(photo.convert("RGB"))] * count


def _images_at(path: Path, times: Iterable[Fraction | float]) -> Iterator[Image]:
    """The image of a clip at each time, in ascending order; the last image is repeated."""
    import av

    with av.open(str(path)) as container:
        frames = iter(container.decode(video=0))
        frame = next(frames)
        first = frame.time
        following = next(frames, None)
        for time in times:
            while following is not None and following.time - first <= time:
                frame, following = following, next(frames, None)
            yield frame.to_image()


def _fill(image: Image) -> Image:
    """Resize an image to the size of the video, with a centered crop."""
    from PIL import ImageOps

    return ImageOps.fit(image, (WIDTH, HEIGHT))


def _read_samples(path: Path) -> Samples:
    import av

    resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE)
    with av.open(str(path)) as container:
        decoded = [*container.decode(audio=0), None]
        blocks = [block.to_ndarray()[0] for frame in decoded for block in resampler.resample(frame)]
    return np.concatenate(blocks)


def _write(target: Path, frames: Iterable[Image], samples: Samples) -> None:
    import av

    with av.open(str(target), "w") as container:
        video = container.add_stream("libx264", rate=FPS, options={"preset": "veryfast", "crf": "24"})
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        audio = container.add_stream("aac", rate=RATE, layout="mono") if len(samples) else None
        written = 0
        for number, image in enumerate(frames, start=1):
            container.mux(video.encode(av.VideoFrame.from_image(image)))
            while (
                audio is not None and written < len(samples) and written * FPS < number * RATE
            ):  # interleaved, as players need it
                block = av.AudioFrame.from_ndarray(samples[None, written : written + BLOCK], format="s16", layout="mono")
                block.sample_rate, block.pts = RATE, written
                container.mux(audio.encode(block))
                written += BLOCK
        for stream in (video, audio):
            if stream is not None:
                container.mux(stream.encode(None))
