"""Select the runtime of a space's image tower on this machine.

The fastest runtime is measured once and stored; without a measurement the features of the processor
decide.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mm.errors import Unavailable
from mm.files import hash_file
from mm.models.image.precisions import PRECISIONS_FILE, read_precisions
from mm.models.image.sample_photos import load_sample_batch
from mm.models.image.tower import RANGES_FILE, ImageTower
from mm.runtimes.choice import Choice, machine_key, read_choice, write_choice
from mm.runtimes.cpu_features import read_cpu_flags, suggest_runtime
from mm.runtimes.registry import DEFAULT_RUNTIME, RUNTIMES, find_runtime, require_runtime
from mm.runtimes.tune import Embed, Trial, tune
from mm.settings import Settings


@dataclass(frozen=True, slots=True)
class SelectedRuntime:
    """The name of a runtime, and the reason for its selection."""

    name: str
    reason: str


def select_runtime(settings: Settings, weights: Path) -> SelectedRuntime:
    """Select the runtime that MM_RUNTIME names.

    For `auto`, the one measured as the fastest on this machine; without a measurement the one that
    the processor's features suggest, if the weights keep their recall in its precision; otherwise
    the default.
    """
    if settings.runtime != "auto":
        return SelectedRuntime(find_runtime(settings.runtime).name, "set by MM_RUNTIME")
    choice, missing = read_choice(choice_path(settings), _key(settings, weights))
    if choice is not None:
        return SelectedRuntime(choice.runtime, "measured as the fastest on this machine")
    suggested = suggest_runtime(read_cpu_flags())
    if suggested is None:
        return SelectedRuntime(DEFAULT_RUNTIME.name, f"the default, because {missing}")
    if rejection := _describe_rejection(weights, suggested):
        return SelectedRuntime(DEFAULT_RUNTIME.name, f"the default, because {missing}, and {suggested} {rejection}")
    return SelectedRuntime(suggested, f"selected by the features of the processor, because {missing}")


def is_measured(settings: Settings, weights: Path) -> bool:
    """Whether a measurement of this machine, its libraries and these weights is stored."""
    return read_choice(choice_path(settings), _key(settings, weights))[0] is not None


def _describe_rejection(weights: Path, runtime: str) -> str:
    """Why a runtime is not selected for these weights without a measurement; empty if it may be."""
    precision = find_runtime(runtime).precision
    if precision == "int8" and not weights.with_name(RANGES_FILE).is_file():
        return f"has no {RANGES_FILE} beside the weights"
    return read_precisions(weights, hash_file(weights, digits=16)).describe_rejection(precision)


def tune_image(settings: Settings, weights: Path, on_progress: Callable[[str], None] = lambda name: None) -> Choice:
    """Measure all runtimes that the weights may use, store the choice in MM_HOME and return it.

    Raises `Unavailable` when no runtime can be used, or MM_HOME cannot be written.
    """
    cache = settings.root / "cache" / "graphs"
    key = _key(settings, weights)  # first, so that a file that changes meanwhile invalidates the choice
    precisions = read_precisions(weights, hash_file(weights, digits=16))
    default = ImageTower(weights, cache, DEFAULT_RUNTIME.name, settings.threads)
    images = load_sample_batch(default.size)

    def loader(name: str) -> Callable[[], Embed]:
        def load() -> Embed:
            require_runtime(name)
            if rejection := precisions.describe_rejection(find_runtime(name).precision):
                raise Unavailable(rejection)
            return _embedder(ImageTower(weights, cache, name, settings.threads))

        return load

    embed = _embedder(default)
    others = {runtime.name: loader(runtime.name) for runtime in RUNTIMES if runtime != DEFAULT_RUNTIME}
    trials = tune({DEFAULT_RUNTIME.name: lambda: embed, **others}, images, embed(images), on_progress=on_progress)
    choice = Choice(runtime=fastest_runtime(trials), key=key, trials=trials)
    path = choice_path(settings)
    try:
        write_choice(path, choice)
    except OSError as error:
        raise Unavailable(f"The choice of a runtime cannot be stored in {path.parent}: {error.strerror}.") from error
    return choice


def fastest_runtime(trials: list[Trial]) -> str:
    """The first runtime that was not refused. Raises `Unavailable` when all were."""
    fastest = next((trial.name for trial in trials if not trial.refused), None)
    if fastest is None:
        raise Unavailable("No runtime can be used: " + "; ".join(f"{trial.name}: {trial.refused}" for trial in trials) + ".")
    return fastest


def _embedder(tower: ImageTower) -> Embed:
    return lambda images: tower.embed(list(images))


def choice_path(settings: Settings) -> Path:
    """Where the choice is stored. It is a cache: without it the runtimes are measured again."""
    return settings.root / "cache" / "runtime.json"


def _key(settings: Settings, weights: Path) -> dict[str, str]:
    return machine_key([weights, weights.with_name(RANGES_FILE), weights.with_name(PRECISIONS_FILE)], settings.threads)
