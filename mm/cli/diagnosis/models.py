"""Checks of the space, the runtime and the graphs of the towers."""

from __future__ import annotations

from mm.cli.diagnosis.results import passed, run_check
from mm.cli.format import format_bytes
from mm.schemas import Check
from mm.settings import Settings


def check_graphs(settings: Settings) -> Check:
    """The size of the cached graphs of the towers."""
    folder = settings.root / "cache" / "graphs"
    files = list(folder.glob("*.onnx"))
    size = sum(file.stat().st_size for file in files)
    if not files:
        return passed("graphs", "No graphs of the towers are cached; the first start builds them.")
    return passed("graphs", f"Cached graphs of the towers use {format_bytes(size)} in {folder}; deleted ones are rebuilt.")


def check_space(settings: Settings) -> Check:
    """Whether the space of the settings has all its files and a valid calibration."""
    from mm.spaces import load_space

    def check() -> str:
        space = load_space(settings.space, settings)
        if space.notes:
            return f"{space.id} has its weights. {' '.join(space.notes)}"
        return f"{space.id} has its weights; its score threshold is {space.calibration.floor:g}."

    return run_check("space", check)


def check_speech(settings: Settings) -> Check:
    """Whether the speech recognizer of the settings is on this disk and loads, in its process."""
    from mm.models.speech.choice import SpeechOptions
    from mm.models.speech.tower import check_recognizer

    return run_check("speech", lambda: f"Speech is recognized by {check_recognizer(SpeechOptions.from_settings(settings))}.")


def check_runtime(settings: Settings) -> Check:
    """The runtime of the image tower, how it was chosen, and whether this machine supports it."""
    from mm.runtimes.registry import require_runtime
    from mm.spaces import load_space

    def check() -> str:
        space = load_space(settings.space, settings)
        require_runtime(space.runtime_name)
        return f"The image tower runs in {space.runtime}. `mm doctor --tune` measures the runtimes of this machine."

    return run_check("runtime", check)
