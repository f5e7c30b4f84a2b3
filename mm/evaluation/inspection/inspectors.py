"""The shipped method of inspection as a callable that evaluations fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from mm.evaluation.inspection.alarms import CachedBackbone
from mm.inspection.features.backbone import Backbone, LiteBackbone
from mm.inspection.fit import fit_inspector
from mm.inspection.inspector import FittedInspector
from mm.inspection.settings import FitSettings
from mm.inspection.types import GoodImage


@dataclass(frozen=True, slots=True)
class ShippedFit:
    """A `Fit` with these settings; their seed is that of the evaluation.

    It can be pickled: each process loads the backbone once.
    """

    settings: FitSettings
    graph_cache: Path
    has_cache: bool = False
    """Whether the vectors of images that several fits share are computed once in a process."""
    threads: int = 0
    """Threads of the network; 0 leaves the number to the runtime."""

    def __call__(self, images: Sequence[GoodImage], seed: int) -> FittedInspector:
        """Raises `Unavailable` when the wheel of the backbone is not installed."""
        backbone = _load(self.settings.backbone, self.graph_cache, self.has_cache, self.threads)
        return fit_inspector(images, "evaluation", backbone, replace(self.settings, seed=seed))


@lru_cache(maxsize=1)
def _load(name: str, graph_cache: Path, has_cache: bool, threads: int) -> Backbone:
    backbone = LiteBackbone(name, graph_cache, threads=threads)
    return CachedBackbone(backbone) if has_cache else backbone
