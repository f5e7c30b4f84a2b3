"""Frame sequences of spliced videos for training, computed from the vectors of their sources.

Along a camera path the vector is interpolated between those of its first and last crop, as encoding
a video interpolates frames between two that the tower encodes; a dissolve interpolates likewise.
Motion is measured on thumbnails. Names of arrays end in their axes: L frames.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from mm.data.footage import crop_image, find_clip_frame, locate_crop
from mm.data.spliced_videos import FrameMix, SplicedVideo, View, compose_frame, draw_spliced_video, label_boundaries
from mm.models.temporal.frames import FrameSequence
from mm.models.temporal.motion import NUM_MOTIONS, SIDE, Thumbnail, measure_motion
from mm.numerics import normalize_rows
from mm.training.temporal.footage_vectors import Float, FootageVectors

LabelledSequence = tuple[FrameSequence, npt.NDArray[np.bool_]]
"""Frames, and (L, 2) whether a shot, and a scene, starts there."""

FPS = (1.0, 2.0)
"""Range of the sampling rate, frames a second."""
STATIC_SECONDS = 5.0
"""Seconds after which a static image is sampled again, as in `mm.media`."""
CUTS_SAMPLED = 0.9
"""Share of cuts whose first frame is sampled."""
UNKNOWN_MOTION = 0.03
"""Share of frames without a known motion, such as the first of each chunk of a video."""


def draw_sequence(vectors: FootageVectors, seed: tuple[int, ...], seconds: float, noise: float) -> LabelledSequence:
    """Draw the sequence of a spliced video with random vectors of length `noise` added."""
    random = np.random.default_rng(seed)
    video = draw_spliced_video(random, range(len(vectors.grey_P)), vectors.clip_durations, seconds)
    times = draw_sample_times(video, random)
    mixes = [compose_frame(video, time) for time in times]
    rows_LD = np.stack([_mix_vectors(vectors, mix) for mix in mixes])
    rows_LD += noise * random.normal(size=rows_LD.shape) / np.sqrt(rows_LD.shape[1])
    motions = measure_motions([_mix_thumbnails(vectors, mix) for mix in mixes])
    motions[random.random(len(motions)) < UNKNOWN_MOTION] = 0
    rows_LD = normalize_rows(rows_LD.astype(np.float32))
    return FrameSequence(times, rows_LD, motions), label_boundaries(video, times)


def measure_motions(thumbnails: Sequence[Thumbnail]) -> Float:
    """Motion (L, NUM_MOTIONS) of each frame since the previous one; 0 for the first."""
    motions = np.zeros((len(thumbnails), NUM_MOTIONS), np.float32)
    for row, before, after in zip(motions[1:], thumbnails, thumbnails[1:], strict=False):
        row[:] = measure_motion(before, after)
    return motions


def draw_sample_times(video: SplicedVideo, random: np.random.Generator) -> npt.NDArray[np.float64]:
    """Draw when frames are sampled: at a constant rate, and at most cuts.

    As in `mm.media`, a static image is sampled once and then every `STATIC_SECONDS`.
    """
    fps = float(random.uniform(*FPS))
    ticks = np.arange(float(random.uniform(0, 1 / fps)), video.duration, 1 / fps)
    cuts = [change.time for change in video.transitions if change.seconds == 0 and random.random() < CUTS_SAMPLED]
    static = [(shot.start, shot.end) for scene in video.scenes for shot in scene.shots if not shot.moves]
    changing = [
        (change.time - change.seconds / 2, change.time + change.seconds / 2) for change in video.transitions if change.seconds
    ]
    sampled: list[float] = []
    for time in np.sort(np.concatenate([ticks, cuts])).tolist():
        static_since = next((start for start, end in static if start <= time < end), np.inf)
        is_changing = any(start <= time <= end for start, end in changing)
        if is_changing or not sampled or sampled[-1] < static_since or time - sampled[-1] >= STATIC_SECONDS:
            sampled.append(time)
    return np.array(sampled)


def _mix_vectors(vectors: FootageVectors, mix: FrameMix) -> Float:
    vector = _view_vector(vectors, mix.view)
    if mix.other is not None:
        vector = (1 - mix.weight) * vector + mix.weight * _view_vector(vectors, mix.other)
    faded: Float = mix.brightness * vector + (1 - mix.brightness) * vectors.black_D
    return faded


def _view_vector(vectors: FootageVectors, view: View) -> Float:
    if view.source < len(vectors.grey_P):
        first, last = vectors.paths_P32D[view.source, view.path]
        vector: Float = (1 - view.share) * first + view.share * last
        return vector
    clip = vectors.clips[view.source - len(vectors.grey_P)]
    return np.asarray(clip[find_clip_frame(view, len(clip))])


def _mix_thumbnails(vectors: FootageVectors, mix: FrameMix) -> Thumbnail:
    thumbnail = _view_thumbnail(vectors, mix.view)
    if mix.other is not None:
        thumbnail = (1 - mix.weight) * thumbnail + mix.weight * _view_thumbnail(vectors, mix.other)
    return np.float32(mix.brightness) * thumbnail


def _view_thumbnail(vectors: FootageVectors, view: View) -> Thumbnail:
    if view.source < len(vectors.grey_P):
        return np.asarray(crop_image(vectors.grey_P[view.source], locate_crop(view), SIDE), np.float32)
    clip = vectors.clips_grey[view.source - len(vectors.grey_P)]
    thumbnail: Thumbnail = clip[find_clip_frame(view, len(clip))].astype(np.float32)
    return thumbnail
