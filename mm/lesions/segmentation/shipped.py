"""The weights of the lesion network that an installation uses."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import mm
from mm.errors import Unavailable
from mm.lesions.segmentation.segmenter import LesionSegmenter

if TYPE_CHECKING:
    from mm.settings import Settings

SHIPPED = Path(mm.__file__).parent / "weights" / "lesions" / "lesions.safetensors"


def find_weights(settings: Settings, chosen: Path | None = None) -> Path:
    """`chosen`, else `settings.lesion_weights`, else the shipped file.

    Raises `Unavailable` when there is none.
    """
    weights = chosen or settings.lesion_weights or SHIPPED
    if not weights.is_file():
        raise Unavailable(
            "This installation has no weights of the lesion network: `mm train lesions` makes them, MM_LESION_WEIGHTS or "
            "--weights names them."
        )
    return weights


def open_segmenter(settings: Settings, chosen: Path | None = None) -> LesionSegmenter:
    """Load the network. Raises `Unavailable` without weights, and as `LesionSegmenter.load`."""
    weights = find_weights(settings, chosen)
    return LesionSegmenter.load(weights, settings.root / "cache" / "graphs", settings.runtime, settings.threads)
