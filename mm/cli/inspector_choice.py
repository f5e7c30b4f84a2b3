"""Opens the inspector that a command names."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mm.inspection.inspector import FittedInspector
    from mm.settings import Settings


def open_inspector(name: str, settings: Settings) -> FittedInspector:
    """Read an inspector by its file, or by its name in `MM_HOME/inspectors`: the current version.

    Raises `NotFound` when there is none, and the errors of `load_inspector`.
    """
    from mm.inspection.features.backbone import LiteBackbone
    from mm.inspection.store import load_inspector

    cache, threads = settings.root / "cache", settings.threads
    return load_inspector(name, settings.root, lambda backbone: LiteBackbone(backbone, cache, threads=threads))
