"""Splicing: photos and clips after one another, with recordings as the sound, and cuts of both to
ask with."""

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
RATE = 48_000  # samples a second
BLOCK = 1024  # samples of an AAC frame

Samples = npt.NDArray[np.int16]


def splice(scenes: Sequence[Scene], sounds: Sequence[Recording], files: Mapping[str, Path], target: Path) -> None:
    """Write the video, H.264 and AAC in MP4. `files` has a path for each name of a scene or a
    recording."""
    frames = (frame for scene in scenes for frame in _scene(files[scene.shows], scene.seconds))
    sound = np.zeros(round(sum(scene.seconds for scene in scenes) * RATE), np.int16)
    for recording in sounds:
        heard = _samples(files[recording.plays])
        start = round(recording.at * RATE)
        sound[start : start + len(heard)] = heard[: len(sound) - start]
    _write(target, frames, sound)


def cut_clip(source: Path, start: float, end: float, target: Path) -> None:
    """Write a part of a clip, encoded anew, without sound."""
    shown = list(_shown(source, (start + number / FPS for number in range(round((end - start) * FPS)))))
    _write(target, (_fill(image) for image in shown), np.zeros(0, np.int16))


def cut_sound(source: Path, start: float, end: float, target: Path) -> None:
    """Write a part of a recording as 16-bit WAV."""
    import wave

    with wave.open(str(target), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(_samples(source)[round(start * RATE) : round(end * RATE)].tobytes())


def render(source: Path, picture: ImageVariant, target: Path) -> None:
    """Write another rendering of a photo, as JPEG."""
    from PIL import Image, ImageOps

    with Image.open(source) as photo:
        sides = (photo.width, photo.height) * 2
        left, top, right, bottom = (round(part * side) for part, side in zip(picture.crop, sides, strict=True))
        view = photo.convert("RGB").crop((left, top, right, bottom))
    (ImageOps.mirror(view) if picture.mirrored else view).save(target, "JPEG", quality=85)


def _scene(path: Path, seconds: float) -> Iterator[Image]:
    count = round(seconds * FPS)
    if path.suffix == ".mp4":
        yield from map(_fill, _shown(path, (number / FPS for number in range(count))))
        return
    from PIL import Image

    with Image.open(path) as photo:
        yield from [_fill(photo.convert("RGB"))] * count


def _shown(path: Path, times: Iterable[Fraction | float]) -> Iterator[Image]:
    """The picture that a clip shows at each time, in order; the last one stays."""
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
    """The middle of a picture, as large as fits the video's shape."""
    from PIL import ImageOps

    return ImageOps.fit(image, (WIDTH, HEIGHT))


def _samples(path: Path) -> Samples:
    import av

    resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE)
    with av.open(str(path)) as container:
        decoded = [*container.decode(audio=0), None]
        blocks = [block.to_ndarray()[0] for frame in decoded for block in resampler.resample(frame)]
    return np.concatenate(blocks)


def _write(target: Path, frames: Iterable[Image], sound: Samples) -> None:
    import av

    with av.open(str(target), "w") as container:
        video = container.add_stream("libx264", rate=FPS, options={"preset": "veryfast", "crf": "24"})
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        audio = container.add_stream("aac", rate=RATE, layout="mono") if len(sound) else None
        written = 0
        for number, image in enumerate(frames, start=1):
            container.mux(video.encode(av.VideoFrame.from_image(image)))
            while audio is not None and written < len(sound) and written * FPS < number * RATE:  # as players want it
                block = av.AudioFrame.from_ndarray(sound[None, written : written + BLOCK], format="s16", layout="mono")
                block.sample_rate, block.pts = RATE, written
                container.mux(audio.encode(block))
                written += BLOCK
        for stream in (video, audio):
            if stream is not None:
                container.mux(stream.encode(None))
