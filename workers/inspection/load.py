"""Inspectors and their backbones, kept loaded between the tasks of a worker process."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from mm.inspection.features.load import load_backbone
from mm.inspection.store import InspectorStore

if TYPE_CHECKING:
    from pathlib import Path

    from mm.inspection.features.backbone import Backbone
    from mm.inspection.inspector_file import AnyInspector
    from mm.settings import Settings

LOADED_INSPECTORS = 4
"""Versions that a process keeps in memory: a bank of 4,000 vectors has 1.3 MB."""


def get_backbone(settings: Settings, name: str) -> Backbone:
    """The backbone of a name. Raises as `load_backbone`."""
    return _load_backbone(settings.root / "cache" / "graphs", name, settings.threads)


def get_inspector(settings: Settings, name: str, version: int) -> AnyInspector:
    """A version of an inspector. Raises `NotFound`, and as `read_inspector`."""
    path = InspectorStore(settings.root).get_path(name, version)
    changed = path.stat().st_mtime_ns if path.exists() else 0  # another inspector of the same name has another time
    return _load_inspector(settings.root, name, version, changed, settings.threads)


@lru_cache(maxsize=2)
def _load_backbone(graph_cache: Path, name: str, threads: int) -> Backbone:
    return load_backbone(name, graph_cache, threads=threads)


@lru_cache(maxsize=LOADED_INSPECTORS)
def _load_inspector(root: Path, name: str, version: int, changed_ns: int, threads: int) -> AnyInspector:
    graph_cache = root / "cache" / "graphs"
    return InspectorStore(root).load(name, lambda backbone: _load_backbone(graph_cache, backbone, threads), version)
