"""Checks of the inputs of the towers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mm.errors import InvalidInput
from mm.media.types import RGB, Waveform


def require_image(image: RGB) -> None:
    """Raise `InvalidInput` unless the array is uint8 (height, width, 3) and not empty."""
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or 0 in image.shape:
        raise InvalidInput(f"An image must be uint8 (height, width, 3), not {image.dtype} {image.shape}.")


def require_waveform(waveform: Waveform) -> None:
    """Raise `InvalidInput` unless the array is float32 (samples,) and finite."""
    if waveform.ndim != 1 or waveform.dtype != np.float32 or not np.isfinite(waveform).all():
        raise InvalidInput(f"A waveform must be finite float32 (samples,), not {waveform.dtype} {waveform.shape}.")


def replace_surrogates(texts: Sequence[str]) -> list[str]:
    """Replace lone surrogates: JSON can contain them, and a tokenizer refuses them."""
    return [text.encode("utf-8", "replace").decode("utf-8") for text in texts]
