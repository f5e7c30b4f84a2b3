"""The interfaces of the image and text towers of a space."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from mm.media.types import RGB


class ImageEmbedder(Protocol):
    """Encodes images as unit vectors."""

    size: int
    """Side of the input in pixels; smaller images are enlarged."""
    dim: int
    """Length of a vector."""

    def embed(self, images: Sequence[RGB]) -> npt.NDArray[np.float32]:
        """Unit rows (N, D) of images of any sizes, uint8 (height, width, 3).

        Raises `InvalidInput` for another type or shape.
        """
        ...

    def describe(self) -> str:
        """One line: network, weights, runtime."""
        ...


class TextEmbedder(Protocol):
    """Encodes texts as unit vectors. Safe to call from several threads."""

    dim: int
    """Length of a vector."""

    def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Unit rows (N, D)."""
        ...

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text after truncation, special tokens included."""
        ...

    def truncation_limit(self, text: str) -> int | None:
        """The number of tokens to which the text is truncated; None when it is short enough."""
        ...

    def describe(self) -> str:
        """One line: network, weights, runtime."""
        ...
