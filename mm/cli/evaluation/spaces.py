"""The space of an evaluation, with the files that its vectors depend on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mm.media import MediaReader
    from mm.settings import Settings
    from mm.spaces import Space


@dataclass(frozen=True, slots=True)
class EvaluatedSpace:
    """A space, its weights files or folders, and a reader."""

    space: Space
    weights: tuple[Path, ...]
    reader: MediaReader
    settings: Settings


@contextmanager
def open_space(name: str | None, image_weights: Path | None = None) -> Iterator[EvaluatedSpace]:
    """Load a space by name, by default that of the settings.

    `image_weights` replace those of the image tower of a shipped space. Raises as `load_space`, and
    `InvalidInput` for image weights of another space.
    """
    from mm.evaluation.space_weights import list_space_weights
    from mm.media import MediaReader
    from mm.settings import load_settings
    from mm.spaces import load_space

    settings = load_settings()
    name = name or settings.space
    space = load_space(name, settings)
    if image_weights is not None:
        space = _with_image_weights(name, space, settings, image_weights)
    weights = (*list_space_weights(name), *([image_weights] if image_weights else []))
    with MediaReader.from_settings(settings) as reader:
        yield EvaluatedSpace(space, weights, reader, settings)


def _with_image_weights(name: str, space: Space, settings: Settings, weights: Path) -> Space:
    from mm.errors import InvalidInput
    from mm.models.image.tower import ImageTower
    from mm.spaces.space import Lazy

    if name.startswith("openclip:"):
        raise InvalidInput("`--weights` replaces the image tower of a shipped space; name another checkpoint with `--space`.")
    tower = ImageTower(weights, settings.root / "cache" / "graphs", space.runtime_name, settings.threads)
    return replace(space, loaders=replace(space.loaders, image=Lazy(lambda: tower)))
