"""The vectors of footage: the image tower encodes each source once, cached in a file.

Names of arrays end in their axes: P images, N frames of a clip, D dimensions of a vector.
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

from mm.data.footage import CLIP_FPS, Footage, crop_image
from mm.data.footage import SIDE as FRAME_SIDE
from mm.data.spliced_videos import NUM_PATHS, crop_paths
from mm.errors import Corrupt, InvalidInput
from mm.files import open_atomic
from mm.media.types import RGB
from mm.models.temporal.motion import SIDE, make_thumbnail

if TYPE_CHECKING:
    from mm.models.types import ImageEmbedder

Float = npt.NDArray[np.float32]
Bytes = npt.NDArray[np.uint8]

_KEYS = ("paths", "grey", "clips", "clips_grey", "black", "counts")
GREY_SIDE = 64
"""Pixels of a side of the grey images from which thumbnails are cropped."""
BATCH = 64


@dataclass(frozen=True, slots=True, eq=False)
class FootageVectors:
    """Sources by number, images first, as vectors and in grey."""

    paths_P32D: Float
    """Vectors of the first and the last crop of each camera path over an image."""
    grey_P: Bytes
    """(P, GREY_SIDE, GREY_SIDE)"""
    clips: Sequence[Float]
    """Each (N, D)."""
    clips_grey: Sequence[Bytes]
    """Each (N, SIDE, SIDE)."""
    black_D: Float
    """Vector of a black frame."""

    @property
    def clip_durations(self) -> list[tuple[int, float]]:
        """Source number and seconds of each clip."""
        return [(len(self.grey_P) + number, len(clip) / CLIP_FPS) for number, clip in enumerate(self.clips)]


def encode_footage(footage: Footage, tower: ImageEmbedder, cache: Path, on_progress: Callable[[str], None]) -> FootageVectors:
    """Encode all sources, or read them from the file `cache`.

    Raises `Corrupt` for a cache that cannot be read, `InvalidInput` for one of other footage.
    """
    if not cache.exists():
        _write(footage, tower, cache, on_progress)
    vectors = read_footage_vectors(cache)
    if len(vectors.grey_P) != len(footage.captioned) or [*map(len, vectors.clips)] != [*map(len, footage.clips)]:
        raise InvalidInput(f"{cache} was made from other footage; choose another output folder or remove it.")
    return vectors


def read_footage_vectors(cache: Path) -> FootageVectors:
    """Read the file that `encode_footage` wrote. Raises `Corrupt`."""
    try:
        with cache.open("rb") as file, np.load(file) as arrays:
            paths, grey, clips, clips_grey, black, counts = (arrays[name] for name in _KEYS)
    except (OSError, ValueError, KeyError, BadZipFile) as error:
        raise Corrupt(f"{cache} cannot be read; remove it to start again.") from error
    edges = np.cumsum(counts)[:-1]
    clip_vectors, clip_thumbnails = (np.split(rows, edges) if len(counts) else [] for rows in (clips, clips_grey))
    return FootageVectors(
        paths.astype(np.float32), grey, [rows.astype(np.float32) for rows in clip_vectors], clip_thumbnails, black
    )


def _write(footage: Footage, tower: ImageEmbedder, cache: Path, on_progress: Callable[[str], None]) -> None:
    crops = [(number, box) for number in range(len(footage.captioned)) for path in crop_paths(number) for box in path]
    rows: list[Float] = []
    for start in range(0, len(crops), BATCH):
        rows.append(tower.embed([crop_image(footage.images[number], box) for number, box in crops[start : start + BATCH]]))
        if start % (20 * BATCH) == 0:
            on_progress(f"{start} of {len(crops)} crops encoded")
    clips = [tower.embed(list(clip)) for clip in footage.clips]
    black = tower.embed([np.zeros((FRAME_SIDE, FRAME_SIDE, 3), np.uint8)])[0]
    grey = [_to_grey(image) for image in footage.images]
    thumbnails = [np.rint(np.stack([make_thumbnail(frame) for frame in clip])).astype(np.uint8) for clip in footage.clips]
    no_vectors, no_thumbnails = black[None][:0], np.zeros((0, SIDE, SIDE), np.uint8)
    with open_atomic(cache) as file:
        np.savez(
            file,
            paths=np.concatenate(rows).reshape(len(footage.captioned), NUM_PATHS, 2, -1).astype(np.float16),
            grey=np.stack(grey),
            clips=np.concatenate([no_vectors, *clips]).astype(np.float16),
            clips_grey=np.concatenate([no_thumbnails, *thumbnails]),
            black=black,
            counts=np.array([len(clip) for clip in clips], np.int64),
        )


def _to_grey(image: RGB) -> Bytes:
    return np.asarray(Image.fromarray(image).convert("L").resize((GREY_SIDE, GREY_SIDE), Image.Resampling.BOX))
