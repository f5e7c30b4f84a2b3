"""Images with text drawn on them."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from mm.media.types import RGB


def written(picture: RGB, *words: tuple[str, int, int], size: int = 40) -> RGB:
    """Draw each text at (left, top), white with a black edge, in the font of Pillow."""
    image = Image.fromarray(picture)
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(size)
    for text, left, top in words:
        draw.text((left, top), text, font=font, fill="white", stroke_width=2, stroke_fill="black")
    return np.asarray(image)
