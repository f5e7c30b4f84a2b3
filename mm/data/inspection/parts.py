"""Reads MVTec AD's transistor, the magnetic tiles, and AITEX's fabrics.

MVTec AD: Bergmann et al. 2019. Magnetic tiles: Huang et al. 2018. AITEX: Silvestre-Blanes et al.
2019. In the protocol `anomaly` the split train has good images only.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from mm.data.inspection.split_file import SplitItem, read_split
from mm.data.inspection.types import MarkedImage
from mm.errors import InvalidInput
from mm.media.types import RGB

LOGICAL = "misplaced"
"""Kind of the transistor whose surface has no damage: it is absent, turned or shifted."""


@dataclass(frozen=True, slots=True)
class FabricStrip(MarkedImage):
    """A strip of fabric, 4096 x 256 pixels; `group` is the strip, since fabrics are models."""

    fabric: str = ""
    """A fabric is judged by itself: the fabrics of dev do not occur in train."""
    is_support: bool = False
    """Whether the strip is one of the good ones that a method may fit on."""

    def read(self) -> RGB:
        """Decode the strip as grey, (H, W, 3): colours and alpha of some files mean nothing."""
        try:
            with Image.open(self.path) as image:
                grey_HW = np.asarray(image.convert("RGB").convert("L"))
        except OSError as error:
            raise InvalidInput(f"{self.path} cannot be read as an image: {error}.") from error
        return np.repeat(grey_HW[..., None], 3, axis=2)


def read_mvtec_transistor(folder: Path, split: str) -> list[MarkedImage]:
    """Images of one split; kinds bent_lead, cut_lead, damaged_case and misplaced."""
    return [_read_image(item) for item in read_split(folder, "anomaly", split)]


def read_magnetic_tile(folder: Path, split: str, protocol: str = "anomaly") -> list[MarkedImage]:
    """Images of one split; kinds blowhole, break, crack, fray and uneven; six exposures a group.

    In the protocol `supervised` train has marked defects too. Four images have empty masks.
    """
    return [_read_image(item, good="free") for item in read_split(folder, protocol, split)]


def read_aitex_fabric(folder: Path, split: str, protocol: str = "anomaly") -> list[FabricStrip]:
    """Strips of one split; the one kind is `defect`. Two defective strips have no mask."""
    return [_read_strip(item) for item in read_split(folder, protocol, split)]


def _read_strip(item: SplitItem) -> FabricStrip:
    image = _read_image(item)
    fabric, is_support = item.text("fabric"), item.flag("support")
    return FabricStrip(image.path, item.name, image.kind, image.masks, fabric=fabric, is_support=is_support)


def _read_image(item: SplitItem, good: str = "good") -> MarkedImage:
    kind, mask = item.text("class"), item.file("mask")
    return MarkedImage(item.path, item.text("group"), "good" if kind == good else kind, (mask,) if mask else ())
