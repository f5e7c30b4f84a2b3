"""Films for training as the network sees them, put together from vectors: the image tower sees each
source once.

On its way over a photograph the vector goes straight from that of the first crop to that of the
last, as frames between two that passed through the tower do when a video is encoded; in a dissolve
from one to the other. Pictures in little are made, for motion.

Names of arrays end in their axes: P photographs, N pictures of a clip, L frames, D width of a
vector.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt
from PIL import Image

from mm.data.footage import CLIP_RATE, Footage, box_of, clip_index, cropped
from mm.data.footage import SIDE as SEEN
from mm.data.spliced_videos import PATHS, Mix, SplicedVideo, View, begins, draw_spliced_video, frame_at, paths_of
from mm.errors import Corrupt, InvalidInput
from mm.files import open_atomic
from mm.media.types import RGB
from mm.models.temporal.frames import FrameSequence
from mm.models.temporal.motion import NUM_MOTIONS, SIDE, Thumbnail, make_thumbnail, measure_motion
from mm.numerics import normalize_rows

if TYPE_CHECKING:
    from mm.models.types import ImageEmbedder

Float = npt.NDArray[np.float32]
Bytes = npt.NDArray[np.uint8]

KEPT = ("paths", "grey", "clips", "clips_grey", "black", "counts")
GREY = 64
"""Pixels of a side of the photographs from which pictures in little are made."""
RATES = (1.0, 2.0)
"""Frames a second."""
STANDS = 5.0
"""Seconds after which a picture that stands comes again, as `mm.media` samples."""
CUT_SEEN = 0.9
"""Share of hard cuts whose first frame is sampled."""
UNKNOWN = 0.03
"""Share of frames of which no motion is known, as of the first of each chunk of a video."""
BATCH = 64


@dataclass(frozen=True, slots=True, eq=False)
class Material:
    """Photographs and clips as vectors and in grey."""

    paths_P32D: Float
    """Of the first and the last crop of each way over a photograph."""
    grey_P: Bytes
    """(P, GREY, GREY)"""
    clips: Sequence[Float]
    """Each (N, D)."""
    clips_grey: Sequence[Bytes]
    """Each (N, SIDE, SIDE)."""
    black_D: Float

    @property
    def lengths(self) -> list[tuple[int, float]]:
        """Clips as sources with their seconds."""
        return [(len(self.grey_P) + number, len(clip) / CLIP_RATE) for number, clip in enumerate(self.clips)]


def prepare(footage: Footage, tower: ImageEmbedder, cache: Path, on_progress: Callable[[str], None]) -> Material:
    """See all of it, or read what was seen before from `cache`.

    Raises `Corrupt` for a cache that cannot be read, `InvalidInput` for one of other footage.
    """
    if not cache.exists():
        _see(footage, tower, cache, on_progress)
    material = read_material(cache)
    if len(material.grey_P) != len(footage.photographs) or [*map(len, material.clips)] != [*map(len, footage.clips)]:
        raise InvalidInput(f"{cache} was made of other footage; choose another output folder or remove it.")
    return material


def read_material(cache: Path) -> Material:
    """What `prepare` kept. Raises `Corrupt`."""
    try:
        with cache.open("rb") as file, np.load(file) as kept:
            paths, grey, clips, clips_grey, black, counts = (kept[name] for name in KEPT)
    except (OSError, ValueError, KeyError, BadZipFile) as error:
        raise Corrupt(f"{cache} cannot be read; remove it to start again.") from error
    edges = np.cumsum(counts)[:-1]
    of_clips, in_grey = (np.split(rows, edges) if len(counts) else [] for rows in (clips, clips_grey))
    return Material(paths.astype(np.float32), grey, [rows.astype(np.float32) for rows in of_clips], in_grey, black)


def draw_film(
    material: Material, seed: tuple[int, ...], seconds: float, noise: float
) -> tuple[FrameSequence, npt.NDArray[np.bool_]]:
    """One film, and (L, 2) where its shots and scenes begin."""
    random = np.random.default_rng(seed)
    splice = draw_spliced_video(random, range(len(material.grey_P)), material.lengths, seconds)
    times = sampled_times(splice, random)
    mixes = [frame_at(splice, time) for time in times]
    vectors = np.stack([_vector(material, mix) for mix in mixes])
    vectors += noise * random.normal(size=vectors.shape) / np.sqrt(vectors.shape[1])
    small = [_little(material, mix) for mix in mixes]
    told = motions(small)
    told[random.random(len(told)) < UNKNOWN] = 0
    frames = FrameSequence(times, normalize_rows(vectors.astype(np.float32)), told)
    return frames, begins(splice, times)


def motions(small: Sequence[Thumbnail]) -> Float:
    """(L, MOTIONS) of frames in little."""
    found = np.zeros((len(small), NUM_MOTIONS), np.float32)
    for row, before, after in zip(found[1:], small, small[1:], strict=False):
        row[:] = measure_motion(before, after)
    return found


def sampled_times(splice: SplicedVideo, random: np.random.Generator) -> npt.NDArray[np.float64]:
    """When frames are taken: a steady rate from a random start, most first frames behind a cut, no
    picture that stands twice."""
    rate = float(random.uniform(*RATES))
    ticks = np.arange(float(random.uniform(0, 1 / rate)), splice.duration, 1 / rate)
    cuts = [change.time for change in splice.changes if change.seconds == 0 and random.random() < CUT_SEEN]
    still = [(shot.start, shot.end) for scene in splice.scenes for shot in scene.shots if not shot.moves]
    changing = [
        (change.time - change.seconds / 2, change.time + change.seconds / 2) for change in splice.changes if change.seconds
    ]
    kept: list[float] = []
    for time in np.sort(np.concatenate([ticks, cuts])).tolist():
        stands_since = next((start for start, end in still if start <= time < end), np.inf)
        changes_now = any(start <= time <= end for start, end in changing)
        if changes_now or not kept or kept[-1] < stands_since or time - kept[-1] >= STANDS:
            kept.append(time)
    return np.array(kept)


def _see(footage: Footage, tower: ImageEmbedder, cache: Path, on_progress: Callable[[str], None]) -> None:
    pictures = [
        (photograph, box) for photograph in range(len(footage.photographs)) for path in paths_of(photograph) for box in path
    ]
    rows: list[Float] = []
    for start in range(0, len(pictures), BATCH):
        rows.append(
            tower.embed([cropped(footage.pictures[photograph], box) for photograph, box in pictures[start : start + BATCH]])
        )
        if start % (20 * BATCH) == 0:
            on_progress(f"{start} of {len(pictures)} crops seen")
    clips = [tower.embed(list(clip)) for clip in footage.clips]
    black = tower.embed([np.zeros((SEEN, SEEN, 3), np.uint8)])[0]
    grey = [_grey(picture) for picture in footage.pictures]
    small = [np.rint(np.stack([make_thumbnail(picture) for picture in clip])).astype(np.uint8) for clip in footage.clips]
    none, none_grey = black[None][:0], np.zeros((0, SIDE, SIDE), np.uint8)
    with open_atomic(cache) as file:
        np.savez(
            file,
            paths=np.concatenate(rows).reshape(len(footage.photographs), PATHS, 2, -1).astype(np.float16),
            grey=np.stack(grey),
            clips=np.concatenate([none, *clips]).astype(np.float16),
            clips_grey=np.concatenate([none_grey, *small]),
            black=black,
            counts=np.array([len(clip) for clip in clips], np.int64),
        )


def _grey(picture: RGB) -> Bytes:
    return np.asarray(Image.fromarray(picture).convert("L").resize((GREY, GREY), Image.Resampling.BOX))


def _vector(material: Material, mix: Mix) -> Float:
    seen = _view_vector(material, mix.view)
    if mix.other is not None:
        seen = (1 - mix.weight) * seen + mix.weight * _view_vector(material, mix.other)
    found: Float = mix.light * seen + (1 - mix.light) * material.black_D
    return found


def _view_vector(material: Material, view: View) -> Float:
    if view.source < len(material.grey_P):
        first, last = material.paths_P32D[view.source, view.path]
        on_the_way: Float = (1 - view.share) * first + view.share * last
        return on_the_way
    clip = material.clips[view.source - len(material.grey_P)]
    found: Float = clip[clip_index(view, len(clip))]
    return found


def _little(material: Material, mix: Mix) -> Thumbnail:
    seen = _view_little(material, mix.view)
    if mix.other is not None:
        seen = (1 - mix.weight) * seen + mix.weight * _view_little(material, mix.other)
    return np.float32(mix.light) * seen


def _view_little(material: Material, view: View) -> Thumbnail:
    if view.source < len(material.grey_P):
        return np.asarray(cropped(material.grey_P[view.source], box_of(view), SIDE), np.float32)
    clip = material.clips_grey[view.source - len(material.grey_P)]
    found: Thumbnail = clip[clip_index(view, len(clip))].astype(np.float32)
    return found
