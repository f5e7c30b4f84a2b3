"""How a template inspector is fitted. All of it is stored with the inspector."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from mm.errors import InvalidInput

Conductor = Literal["dark", "light"]

BOARD_AREA_PX, PRINT_AREA_PX = 2, 9


@dataclass(frozen=True, slots=True)
class TemplateSettings:
    """Options of `fit_template`; the defaults are for boards of about 50 pixels a millimetre."""

    conductor: Conductor | None = None
    """Whether copper is dark or light: defects are then named and verified as those of boards.

    None for prints: defects are `darker` or `lighter`.
    """
    tolerance_px: float = 2.0
    """Distance, in pixels, by which an edge may lie elsewhere than in every good image."""
    contrast: int = 64
    """Grey values by which a pixel must leave the tolerance band to differ, 1 to 254."""
    min_area_px: int | None = None
    """Smallest number of pixels outside the band that is a candidate.

    None: 2 on boards, where candidates are verified, and 9 on prints.
    """
    join_px: float = 8.0
    """Differing pixels closer than this are one candidate."""
    has_registration: bool = True
    """Whether each image is aligned with the first good one; without, sizes must be equal."""
    rate: float = 0.05
    """Share of good parts that may fail, where the good images allow that rate."""
    seed: int = 0

    def __post_init__(self) -> None:
        if self.conductor not in (None, "dark", "light"):
            raise InvalidInput(f"The conductor of a board is 'dark' or 'light', not '{self.conductor}'.")
        if not 0 <= self.tolerance_px <= 32:
            raise InvalidInput(f"The tolerance is from 0 to 32 pixels, not {self.tolerance_px:g}.")
        if not 1 <= self.contrast <= 254:
            raise InvalidInput(f"The contrast of a difference is from 1 to 254 grey values, not {self.contrast}.")
        if self.smallest_area_px < 1 or not 0 <= self.join_px <= 256:
            raise InvalidInput("A candidate has at least 1 pixel, and joins differences of at most 256 pixels.")
        if not 0 < self.rate < 1:
            raise InvalidInput(f"The rate of false alarms is between 0 and 1, not {self.rate:g}.")

    @property
    def smallest_area_px(self) -> int:
        """Smallest number of pixels outside the band that is a candidate."""
        if self.min_area_px is not None:
            return self.min_area_px
        return PRINT_AREA_PX if self.conductor is None else BOARD_AREA_PX
