"""Write the file of a planned video: H.264, and the tones of generated scenes as AAC."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np

from mm.data.activitynet.simulation.generated import render_tone
from mm.data.activitynet.simulation.plan import PlannedVideo
from mm.media import MediaReader
from mm.media.types import RGB

FPS = 8
RATE = 16_000
BLOCK = 1024
"""Samples of a frame of AAC."""
X264 = {"preset": "veryfast", "crf": "26", "threads": "1"}
"""One thread, so that the same plan gives the same bytes."""
DAMAGED = 1 / 3
"""Share of a damaged file that is there."""


def write_video(video: PlannedVideo, path: Path, side: int, reader: MediaReader) -> None:
    """Write a video, rendered and encoded frame by frame. Raises what the reader raises."""
    has_tones = all(scene.source.look is not None for scene in video.scenes)
    with av.open(str(path), "w", format="mp4") as output:
        stream = output.add_stream("libx264", rate=FPS, options=X264)
        stream.width, stream.height, stream.pix_fmt = side, side, "yuv420p"
        sound = output.add_stream("aac", rate=RATE, layout="mono") if has_tones else None
        samples = 0
        for number, image in enumerate(_render(video, side, reader)):
            # A block of sound precedes the images of its time: the order is always the same.
            while sound is not None and samples * FPS <= number * RATE:
                output.mux(sound.encode(_audio_block(video, samples)))
                samples += BLOCK
            output.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        output.mux(stream.encode(None))
        if sound is not None:
            output.mux(sound.encode(None))
    if video.is_damaged:
        with path.open("r+b") as file:
            file.truncate(int(path.stat().st_size * DAMAGED))


def _render(video: PlannedVideo, side: int, reader: MediaReader) -> Iterator[RGB]:
    """All frames; those of a scene are counted from the start of the video: none is lost."""
    for number, scene in enumerate(video.scenes):
        count = round(scene.end * FPS) - round(scene.start * FPS)
        if count:
            yield from scene.source.render(reader, count / FPS, FPS, side, number)


def _audio_block(video: PlannedVideo, start: int) -> av.AudioFrame:
    """Samples from `start`: the tone of the activity, or silence."""
    samples = np.zeros(BLOCK, np.float32)
    for scene in video.scenes:
        first, end = max(round(scene.start * RATE), start), min(round(scene.end * RATE), start + BLOCK)
        if scene.is_activity and scene.source.look is not None and first < end:
            samples[first - start : end - start] = render_tone(scene.source.look.tone, first, end - first, RATE)
    frame = av.AudioFrame.from_ndarray(samples[None], format="fltp", layout="mono")
    frame.sample_rate, frame.pts = RATE, start
    return frame
