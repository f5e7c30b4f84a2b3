"""Loads a backbone by name; the libraries of a larger one are imported only then."""

from __future__ import annotations

from pathlib import Path

from mm.inspection.features.backbone import Backbone, LiteBackbone

WEIGHTS_MARK = "@"


def load_backbone(name: str, graph_cache: Path, runtime: str = "auto", threads: int = 0, *, download: bool = False) -> Backbone:
    """The backbone `imagenet`, `lite`, `timm:MODEL` or `timm:MODEL@FILE` with a file of weights.

    Raises `InvalidInput` for an unknown name, and as the backbone does.
    """
    if not name.startswith("timm:"):
        return LiteBackbone(name, graph_cache, runtime, threads)
    from mm.inspection.features.timm_backbone import TimmBackbone

    model, _, weights = name.partition(WEIGHTS_MARK)
    return TimmBackbone(model, Path(weights) if weights else None, download=download)
