"""Recognize actions in the scenes of a video, by a trained head or by the names of actions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from mm.errors import InvalidInput, Unavailable
from mm.media.types import MediaFile, Span
from mm.models.temporal.frames import FrameSequence
from mm.models.temporal.tower import TemporalTower
from mm.numerics import mean_direction
from mm.spaces.encode.evidence import Reader
from mm.spaces.encode.frames import encode_frames, max_decoded_side
from mm.spaces.encode.scenes import scene_boundaries, to_sequence

if TYPE_CHECKING:
    from mm.spaces.space import Space
    from mm.spaces.types import Vectors

PROMPT = "a video of {}"
ACTIVITYNET = Path(__file__).parent / "activitynet.tsv"
"""The 200 classes of ActivityNet 1.3."""
TEMPERATURE = 30.0
"""Factor of the cosines in the softmax over names; chosen, not fitted."""


def require_temporal_tower(space: Space) -> TemporalTower:
    """The temporal network of a space. Raises `Unavailable` when it has none."""
    tower = space.temporal
    if tower is None:
        raise Unavailable(f"The space {space.id} has no temporal network: see `mm train temporal --space`.")
    return tower


def encode_frame_sequence(space: Space, reader: Reader, file: MediaFile, span: Span, fps: float) -> FrameSequence:
    """Sample and encode the frames of a span. Raises what the reader raises.

    Raises `InvalidInput` for a file that is no video, and for a span without frames.
    """
    if file.info.kind != "video":
        raise InvalidInput(f"{file.name} is not a video: actions are recognized in videos only.")
    sampled = reader.frames(file.path, file.name, span, fps, max_decoded_side(file.info, space.image.size))
    frames = encode_frames(space.image, sampled, lambda _: None)
    if not frames:
        raise InvalidInput(f"{file.name} has no frames from {span.start:.1f} to {span.end:.1f} s.")
    return to_sequence(frames)


def split_scenes(tower: TemporalTower, frames: FrameSequence, end: float) -> list[tuple[float, FrameSequence]]:
    """Split frames into scenes: the end of each scene in seconds, and its frames."""
    boundaries = scene_boundaries(tower, frames)
    edges = [0, *boundaries, len(frames.times_L)]
    ends = [float(frames.times_L[index]) for index in boundaries] + [end]
    return [
        (until, FrameSequence(frames.times_L[a:b], frames.vectors_LD[a:b], frames.motion_LM[a:b]))
        for a, b, until in zip(edges, edges[1:], ends, strict=False)
    ]


def score_actions_by_name(space: Space, frames: FrameSequence, names: Sequence[str]) -> npt.NDArray[np.float32]:
    """Zero-shot scores (C,), summing to 1, of the named actions for the mean of the frames."""
    cosines = embed_action_names(space, names) @ mean_direction(frames.vectors_LD)
    exponentials = np.exp(TEMPERATURE * (cosines - cosines.max()))
    scores: npt.NDArray[np.float32] = (exponentials / exponentials.sum()).astype(np.float32)
    return scores


def embed_action_names(space: Space, names: Sequence[str]) -> Vectors:
    """Vectors (C, D) of the names of actions, to compare with images."""
    return space.text.embed([PROMPT.format(name) for name in names])


def read_action_names(path: Path) -> dict[str, str]:
    """Read names of actions, one per line, each with the words that are compared with images.

    The words follow the name after a tab; without a tab they are the name in lower case. Lines that
    begin with # are comments. Raises `InvalidInput` when the file cannot be read, is empty or
    repeats a name.
    """
    try:
        lines = [line.rstrip() for line in path.read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"The names of actions cannot be read from {path}: {error}.") from error
    rows = [line.partition("\t") for line in lines if line and not line.startswith("#")]
    names = {name: words or name.lower() for name, _, words in rows}
    if not names or len(names) < len(rows):
        raise InvalidInput(f"{path} needs names of actions, one per line, each name once.")
    return names
