"""What every tower of a space has, whichever network is behind it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from mm.media.types import RGB


class ImageEmbedder(Protocol):
    """Pictures to unit vectors."""

    size: int
    """Side, in pixels, that a picture needs to fill the tower."""
    dim: int

    def embed(self, images: Sequence[RGB]) -> npt.NDArray[np.float32]:
        """Unit rows (N, D) of pictures of any sizes, (height, width, 3) uint8. Raises
        `InvalidInput` for what is no picture."""
        ...

    def describe(self) -> str:
        """One line for a person."""
        ...


class TextEmbedder(Protocol):
    """Texts to unit vectors. Safe to call from several threads."""

    dim: int

    def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Unit rows (N, D)."""
        ...

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text that `embed` reads, those at its ends included."""
        ...

    def truncation_limit(self, text: str) -> int | None:
        """Tokens that are read of a text whose end is not, those at its ends included; None when
        all of it is read."""
        ...

    def describe(self) -> str:
        """One line for a person."""
        ...
