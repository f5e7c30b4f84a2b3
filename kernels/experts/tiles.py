"""The launch parameters of kernels that multiply one vector with rows of matrices."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tile:
    """Launch parameters of one launch."""

    rows: int
    """Rows of a matrix that a program computes."""
    columns: int
    """Columns that it reads in a step of its loop."""
    warps: int
