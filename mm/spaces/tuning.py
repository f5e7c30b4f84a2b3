"""The runtime of a space's image tower on this machine: what was measured, kept and read at every
start, or what the processor suggests."""

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
    """The name of a runtime, and what chose it."""

    name: str
    reason: str


def select_runtime(settings: Settings, weights: Path) -> SelectedRuntime:
    """What MM_RUNTIME says. For `auto` what was measured on this machine; before that what the
    processor suggests, where the weights keep their recall in it; or else the default, with the
    reason."""
    if settings.runtime != "auto":
        return SelectedRuntime(find_runtime(settings.runtime).name, "set by MM_RUNTIME")
    choice, lacking = read_choice(choice_path(settings), _key(settings, weights))
    if choice is not None:
        return SelectedRuntime(choice.runtime, "the fastest here, as measured")
    suggested = suggest_runtime(read_cpu_flags())
    if suggested is None:
        return SelectedRuntime(DEFAULT_RUNTIME.name, f"the default, because {lacking}")
    if refusal := _refusal(weights, suggested):
        return SelectedRuntime(DEFAULT_RUNTIME.name, f"the default, because {lacking}, and {suggested} {refusal}")
    return SelectedRuntime(suggested, f"by the features of the processor, because {lacking}")


def is_measured(settings: Settings, weights: Path) -> bool:
    """Whether what was measured on this machine holds for its libraries and these weights."""
    return read_choice(choice_path(settings), _key(settings, weights))[0] is not None


def _refusal(weights: Path, runtime: str) -> str:
    """Why a runtime may not be taken for these weights without measuring on this machine; empty
    where it may."""
    precision = find_runtime(runtime).precision
    if precision == "int8" and not weights.with_name(RANGES_FILE).is_file():
        return f"has no {RANGES_FILE} beside the weights"
    return read_precisions(weights, hash_file(weights, digits=16)).describe_rejection(precision)


def tune_image(settings: Settings, weights: Path, on_progress: Callable[[str], None] = lambda name: None) -> Choice:
    """Compare all runtimes that the weights may run in, keep the choice in the home folder, and
    return it.

    Raises `Unavailable` when not even the default can be run, or the home folder cannot be written.
    """
    cache = settings.root / "cache" / "graphs"
    key = _key(settings, weights)  # before: a file that changes meanwhile makes the choice void
    recorded = read_precisions(weights, hash_file(weights, digits=16))
    plain = ImageTower(weights, cache, DEFAULT_RUNTIME.name, settings.threads)
    pictures = load_sample_batch(plain.size)

    def loader(name: str) -> Callable[[], Embed]:
        def load() -> Embed:
            require_runtime(name)
            if refusal := recorded.describe_rejection(find_runtime(name).precision):
                raise Unavailable(refusal)
            return _embedder(ImageTower(weights, cache, name, settings.threads))

        return load

    embed = _embedder(plain)
    others = {runtime.name: loader(runtime.name) for runtime in RUNTIMES if runtime != DEFAULT_RUNTIME}
    trials = tune({DEFAULT_RUNTIME.name: lambda: embed, **others}, pictures, embed(pictures), on_progress=on_progress)
    choice = Choice(runtime=fastest_runtime(trials), key=key, trials=trials)
    try:
        write_choice(choice_path(settings), choice)
    except OSError as error:
        raise Unavailable(f"The choice cannot be kept in {choice_path(settings).parent}: {error.strerror}.") from error
    return choice


def fastest_runtime(trials: list[Trial]) -> str:
    """The first that was not refused. Raises `Unavailable` when all were."""
    found = next((trial.name for trial in trials if not trial.refused), None)
    if found is None:
        raise Unavailable("No runtime can be used: " + "; ".join(f"{trial.name}: {trial.refused}" for trial in trials) + ".")
    return found


def _embedder(tower: ImageTower) -> Embed:
    return lambda pictures: tower.embed(list(pictures))


def choice_path(settings: Settings) -> Path:
    """Where the choice is kept: deleting it only means to measure again."""
    return settings.root / "cache" / "runtime.json"


def _key(settings: Settings, weights: Path) -> dict[str, str]:
    return machine_key([weights, weights.with_name(RANGES_FILE), weights.with_name(PRECISIONS_FILE)], settings.threads)
