"""Arrays that are computed once and read from disk afterwards."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mm.files import open_atomic

Array = npt.NDArray[np.float32]


def load_or_compute(path: Path, compute: Callable[[], Array]) -> Array:
    """Read the array from an `.npy` file, or compute and write it; `path` identifies the input."""
    if not path.exists():
        with open_atomic(path) as file:
            np.save(file, compute())
    array: Array = np.load(path)
    return array
