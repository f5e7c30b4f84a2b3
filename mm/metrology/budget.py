"""Measured values with expanded uncertainty, by the law of propagation of the GUM (JCGM 100:2008).

A budget lists the contribution of each source, a standard uncertainty in the unit of the value:
the standard uncertainty of the input times its sensitivity. The sources are taken as independent.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Unit = Literal["mm", "px", "mm2", "px2"]

COVERAGE_FACTOR = 2.0
"""About 95 % for a normal distribution with many degrees of freedom (GUM, annex G.6.6)."""


@dataclass(frozen=True, slots=True)
class Measured:
    """A value and its expanded uncertainty U = k u, both in `unit`.

    `budget` has the standard uncertainty that each source contributes, in `unit`.
    """

    value: float
    expanded: float
    unit: Unit
    budget: Mapping[str, float]
    k: float = COVERAGE_FACTOR

    @property
    def low(self) -> float:
        """Lower end of the interval of coverage."""
        return self.value - self.expanded

    @property
    def high(self) -> float:
        """Upper end of the interval of coverage."""
        return self.value + self.expanded

    def __str__(self) -> str:
        """The value rounded to the second digit of U, as the GUM (7.2.6) recommends."""
        digits = 2 if self.expanded <= 0 else max(0, 1 - math.floor(math.log10(self.expanded)))
        unit = self.unit.replace("2", "²")
        return f"{self.value:.{digits}f} ± {self.expanded:.{digits}f} {unit} (k = {self.k:g})"


def combine(value: float, unit: Unit, budget: Mapping[str, float]) -> Measured:
    """The measured value whose standard uncertainty is the root sum of squares of the budget."""
    standard = math.sqrt(sum(contribution**2 for contribution in budget.values()))
    return Measured(float(value), COVERAGE_FACTOR * standard, unit, dict(budget))


def rectangular(half_width: float) -> float:
    """Standard uncertainty of a value that is equally probable within +- `half_width`."""
    return half_width / math.sqrt(3)
