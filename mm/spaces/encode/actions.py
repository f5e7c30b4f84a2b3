"""What is done in a video: by a head that was trained, or by the names of actions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from mm.errors import InvalidInput, Unavailable
from mm.media.types import MediaInfo, Span
from mm.models.temporal.frames import FrameSequence
from mm.models.temporal.tower import SCENE, TemporalTower, suppress_non_maxima
from mm.numerics import mean_direction
from mm.spaces.encode.evidence import Reader
from mm.spaces.encode.frames import encode_frames, max_decoded_side
from mm.spaces.types import Vector

if TYPE_CHECKING:
    from mm.spaces.space import Space

PROMPT = "a video of {}"
ACTIVITYNET = Path(__file__).parent / "activitynet.tsv"
"""The 200 classes of ActivityNet 1.3."""
SHARPNESS = 30.0
"""By which cosines are multiplied for the softmax over names; chosen and not fitted."""


def require_temporal_tower(space: Space) -> TemporalTower:
    """The temporal network of a space. Raises `Unavailable` where it has none."""
    tower = space.temporal
    if tower is None:
        raise Unavailable(f"The space {space.id} has no temporal network: see `mm train temporal --space`.")
    return tower


def encode_frame_sequence(
    space: Space, reader: Reader, path: Path, name: str, info: MediaInfo, span: Span, fps: float
) -> FrameSequence:
    """The frames of a span. Raises what the reader raises, `InvalidInput` for what has no pictures
    that move."""
    if info.kind != "video":
        raise InvalidInput(f"{name} is no video: nothing is done in it.")
    sampled = reader.frames(path, name, span, fps, max_decoded_side(info, space.image.size))
    frames = encode_frames(space.image, sampled, lambda _: None)
    if not frames:
        raise InvalidInput(f"{name} shows nothing from {span.start:.1f} to {span.end:.1f} s.")
    return FrameSequence(
        np.array([frame.time for frame in frames]),
        np.stack([frame.vector for frame in frames]),
        np.stack([frame.motion for frame in frames]),
    )


def split_scenes(tower: TemporalTower, frames: FrameSequence, end: float) -> list[tuple[float, FrameSequence]]:
    """The frames of each scene, and when it ends."""
    begins = suppress_non_maxima(
        tower.predict_boundaries(frames)[:, SCENE], frames.times_L, tower.config.scene_threshold, tower.config.min_gap
    )
    edges = [0, *begins, len(frames.times_L)]
    ends = [float(frames.times_L[index]) for index in begins] + [end]
    return [
        (until, FrameSequence(frames.times_L[a:b], frames.vectors_LD[a:b], frames.motion_LM[a:b]))
        for a, b, until in zip(edges, edges[1:], ends, strict=False)
    ]


def score_actions_by_name(space: Space, frames: FrameSequence, names: Sequence[str]) -> npt.NDArray[np.float32]:
    """(C,) shares of 1 for the names of actions, by what is seen on average; nothing was learnt of
    them."""
    cosines = embed_action_names(space, names) @ mean_direction(frames.vectors_LD)
    raised = np.exp(SHARPNESS * (cosines - cosines.max()))
    found: npt.NDArray[np.float32] = (raised / raised.sum()).astype(np.float32)
    return found


def embed_action_names(space: Space, names: Sequence[str]) -> npt.NDArray[np.float32]:
    """(C, D) the names of actions as vectors that pictures are compared with."""
    vectors: Vector = space.text.embed([PROMPT.format(name) for name in names])
    return vectors


def read_action_names(path: Path) -> dict[str, str]:
    """Names of actions, a line each, and the words to ask with, which may stand behind a tab. Lines
    that begin with # are notes.

    Raises `InvalidInput` for what is no list of different names.
    """
    try:
        lines = [line.rstrip() for line in path.read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"The names of actions cannot be read from {path}: {error}.") from error
    rows = [line.partition("\t") for line in lines if line and not line.startswith("#")]
    names = {name: words or name.lower() for name, _, words in rows}
    if not names or len(names) < len(rows):
        raise InvalidInput(f"{path} needs names of actions, a line each, no two alike.")
    return names
