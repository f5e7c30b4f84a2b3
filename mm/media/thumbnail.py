"""Small pictures for a page."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from PIL import Image

if TYPE_CHECKING:
    from mm.media.types import RGB


def encode_webp(image: RGB, *, longest: int, quality: int = 80) -> bytes:
    """WebP of `image` (height, width, 3), scaled down until no side is over `longest`."""
    picture = Image.fromarray(image)
    if max(picture.size) > longest:
        picture.thumbnail((longest, longest), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    picture.save(buffer, "WEBP", quality=quality, method=2)
    return buffer.getvalue()
