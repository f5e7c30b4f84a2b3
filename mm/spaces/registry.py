"""Spaces by name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import mm
from mm.errors import InvalidInput, NotFound, SpaceMismatch, Unavailable
from mm.runtimes.choice import Choice
from mm.runtimes.registry import DEFAULT_RUNTIME, find_runtime
from mm.settings import Settings
from mm.spaces.space import FILES, IMAGE_WEIGHTS, Space
from mm.spaces.tuning import SelectedRuntime, select_runtime, tune_image
from mm.spaces.types import SpaceId

WEIGHTS = Path(mm.__file__).parent / "weights"

_SPACES: dict[str, tuple[SpaceId, int]] = {"lite": (SpaceId("lite", 1), 384)}
"""Id and length of a vector. The version grows whenever the same input would give another vector.
"""


def list_spaces() -> list[SpaceId]:
    """The spaces that `load_space` knows."""
    return [space_id for space_id, _ in _SPACES.values()]


def load_space(name: str, settings: Settings, weights: Path = WEIGHTS, *, keep_speech: bool = True, gpu: bool = True) -> Space:
    """The space of that name; its towers are loaded at first use. Without `keep_speech` the speech
    tower is, at every use. Without `gpu` nothing runs on one, whatever the settings say.

    `openclip:MODEL/PRETRAINED` is any model of open_clip, see `mm.models.openclip.files`. Raises
    `NotFound` for an unknown name, and `Unavailable` when a file of its folder below `weights` is
    missing, or one of the model that it names.
    """
    if name.startswith("openclip:"):
        from mm.spaces.openclip_space import OpenClipSpace

        return OpenClipSpace(name, settings, weights / "lite", keep_speech=keep_speech, device=None if gpu else "cpu")
    if name not in _SPACES:
        raise NotFound(f"There is no space '{name}'. Spaces are: {', '.join(sorted(_SPACES))}, openclip:MODEL/PRETRAINED.")
    space_id, dim = _SPACES[name]
    folder = weights / name
    missing = [file for file in FILES if not (folder / file).is_file()]
    if missing:
        raise Unavailable(f"The space {space_id} cannot be loaded: {folder} lacks {', '.join(missing)}.")
    graphs = settings.root / "cache" / "graphs"
    chosen = select_runtime(settings, folder / IMAGE_WEIGHTS)
    if not gpu and find_runtime(chosen.name).library == "torch":
        chosen = SelectedRuntime(DEFAULT_RUNTIME.name, "the default, because a GPU is left to the workers")
    return Space(space_id, dim, folder, graphs, chosen.name, settings.threads, chosen_by=chosen.reason, keep_speech=keep_speech)


def select_runtime_name(settings: Settings, weights: Path = WEIGHTS) -> str:
    """What the image tower of the space of the settings runs in. Raises as `image_weights_path`."""
    return select_runtime(settings, image_weights_path(settings.space, weights)).name


def tune_runtime(settings: Settings, on_progress: Callable[[str], None], weights: Path = WEIGHTS) -> Choice:
    """Measure which runtime suits the image tower of the space of the settings, and keep the
    choice.

    Raises as `image_weights_path` and `tune_image`.
    """
    return tune_image(settings, image_weights_path(settings.space, weights), on_progress)


def image_weights_path(name: str, weights: Path = WEIGHTS) -> Path:
    """The weights of a space whose image tower is a graph of ours. Raises `InvalidInput` for any
    other."""
    if name not in _SPACES:
        raise InvalidInput(f"The image tower of '{name}' runs in PyTorch alone: there is no runtime to choose.")
    return weights / name / IMAGE_WEIGHTS


def require_same_space(ours: SpaceId, theirs: SpaceId) -> None:
    """Raise `SpaceMismatch` unless vectors of the two may be compared."""
    if ours != theirs:
        raise SpaceMismatch(f"Vectors of {theirs} cannot be compared with those of {ours}: encode the media again with {ours}.")
