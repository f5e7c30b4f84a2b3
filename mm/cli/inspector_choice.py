"""Opens the inspector that a command names."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mm.inspection.features.backbone import Backbone
    from mm.inspection.inspector_file import AnyInspector
    from mm.settings import Settings


def open_inspector(name: str, settings: Settings, version: int | None = None) -> AnyInspector:
    """Read an inspector by its file, or by its name in `MM_HOME/inspectors`.

    The version is the current one unless another is named. Raises `NotFound` when there is none,
    and the errors of `load_inspector`.
    """
    from mm.inspection.features.load import load_backbone
    from mm.inspection.store import InspectorStore, load_inspector

    def load(backbone: str) -> Backbone:
        return load_backbone(backbone, settings.root / "cache", threads=settings.threads)

    if version is not None:
        return InspectorStore(settings.root).load(name, load, version)
    return load_inspector(name, settings.root, load)
