"""The interface of a loaded graph."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.generic]
"""An array of any shape and type, as the graph requires."""


class Graph(Protocol):
    """A loaded graph. Safe to call from several threads; calls may be serialised."""

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """All outputs by name.

        Raises `InvalidInput` when an input is missing, unknown, or of another shape or type.
        """
        ...
