"""Whether a text asks for something that a picture can show, or that can be heard."""

from __future__ import annotations

import numpy as np

from mm.spaces.calibration import Bank
from mm.spaces.types import Vector


def depictable(text: Vector, bank: Bank) -> float:
    """Log-probability, at most 0, that a text vector (D,) is of the sort that people caption or name pictures with.

    The chance that a picture answers is this chance times the one that the picture shows it. A sum of log-odds would not do: how
    well a caption can be depicted says nothing about which picture it describes.
    """
    return _log_chance(text, bank.depictable)


def audible(text: Vector, bank: Bank) -> float:
    """The same that a text vector is of the sort that people describe sounds with."""
    return _log_chance(text, bank.audible)


def _log_chance(text: Vector, weights: Vector) -> float:
    return -float(np.logaddexp(0.0, -(text @ weights[:-1] + weights[-1])))
