"""What a runtime hands out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.generic]
"""Any array; shapes and types are the graph's own."""


class Graph(Protocol):
    """A compiled graph. Safe to call from several threads; calls run one after the other."""

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """All outputs by name. Raises `InvalidInput` when an input is missing, unknown, or of a
        shape the graph does not take."""
        ...
