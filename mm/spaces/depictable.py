"""How much a text sounds like something that a picture can show."""

from __future__ import annotations

import numpy as np

from mm.spaces.calibration import Bank, Calibration
from mm.spaces.types import Vector


def depictable(text: Vector, bank: Bank, calibration: Calibration) -> float:
    """Log-odds that a text vector (D,) is what people caption or name pictures with, within the calibration's bounds."""
    score = float(text @ bank.depictable[:-1] + bank.depictable[-1])
    return float(np.clip(score, calibration.depictable_least, calibration.depictable_most))
