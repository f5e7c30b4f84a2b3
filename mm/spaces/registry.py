"""Load spaces by name, and select the runtime of their image tower."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import mm
from mm.errors import InvalidInput, NotFound, SpaceMismatch, Unavailable
from mm.models.speech.choice import SpeechOptions
from mm.runtimes.choice import Choice
from mm.runtimes.registry import DEFAULT_RUNTIME, find_runtime
from mm.settings import Settings
from mm.spaces.lite_space import FILES, IMAGE_WEIGHTS, LITE, TowerOptions, make_lite_space
from mm.spaces.space import Space
from mm.spaces.tuning import SelectedRuntime, select_runtime, tune_image
from mm.spaces.types import SpaceId

WEIGHTS = Path(mm.__file__).parent / "weights"

_SHIPPED = {LITE.name: LITE}


def list_spaces() -> list[SpaceId]:
    """The shipped spaces."""
    return list(_SHIPPED.values())


def load_space(name: str, settings: Settings, weights: Path = WEIGHTS, *, keep_speech: bool = True, gpu: bool = True) -> Space:
    """Load the space of that name; its towers are loaded at first use.

    Without `keep_speech` the speech tower is loaded at every use. Without `gpu` no tower runs on a
    GPU, whatever the settings say. `openclip:MODEL/PRETRAINED` is any model of open_clip, see
    `mm.models.openclip.files`. Raises `NotFound` for an unknown name, and `Unavailable` when a file
    of its folder below `weights`, or of the open_clip model, is missing.
    """
    if name.startswith("openclip:"):
        from mm.spaces.openclip_space import load_openclip_space

        return load_openclip_space(name, settings, weights / "lite", keep_speech=keep_speech, device=None if gpu else "cpu")
    if name not in _SHIPPED:
        raise NotFound(f"There is no space '{name}'. Spaces are: {', '.join(sorted(_SHIPPED))}, openclip:MODEL/PRETRAINED.")
    folder = weights / name
    missing = [file for file in FILES if not (folder / file).is_file()]
    if missing:
        raise Unavailable(f"The space {_SHIPPED[name]} cannot be loaded: {folder} lacks {', '.join(missing)}.")
    selected = select_runtime(settings, folder / IMAGE_WEIGHTS)
    if not gpu and find_runtime(selected.name).library == "torch":
        selected = SelectedRuntime(DEFAULT_RUNTIME.name, "the default, because the GPU is reserved for the workers")
    graphs, speech = settings.root / "cache" / "graphs", SpeechOptions.from_settings(settings)
    options = TowerOptions(graphs, selected.name, settings.threads, keep_speech, speech)
    return make_lite_space(folder, options, selected.reason)


def select_runtime_name(settings: Settings, weights: Path = WEIGHTS) -> str:
    """Name of the runtime of the image tower. Raises as `image_weights_path`."""
    return select_runtime(settings, image_weights_path(settings.space, weights)).name


def tune_runtime(settings: Settings, on_progress: Callable[[str], None], weights: Path = WEIGHTS) -> Choice:
    """Measure the runtimes of the image tower and store the fastest as the choice.

    Raises as `image_weights_path` and `tune_image`.
    """
    return tune_image(settings, image_weights_path(settings.space, weights), on_progress)


def image_weights_path(name: str, weights: Path = WEIGHTS) -> Path:
    """Path of the image weights of a shipped space. Raises `InvalidInput` for any other."""
    if name not in _SHIPPED:
        raise InvalidInput(f"The image tower of '{name}' runs only in PyTorch: no runtime can be selected.")
    return weights / name / IMAGE_WEIGHTS


def require_same_space(ours: SpaceId, theirs: SpaceId) -> None:
    """Raise `SpaceMismatch` unless vectors of the two may be compared."""
    if ours != theirs:
        raise SpaceMismatch(f"Vectors of {theirs} cannot be compared with those of {ours}: encode the media again with {ours}.")
