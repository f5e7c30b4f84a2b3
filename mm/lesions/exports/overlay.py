"""Frames with the outlines of their regions, and PNG images of them."""

from __future__ import annotations

import io
from collections.abc import Sequence

import cv2
import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from mm.errors import InvalidInput
from mm.lesions.types import LesionAnalysis, Mark
from mm.lesions.views import mask_outside
from mm.media.types import RGB

COLOURS = ((255, 196, 0), (0, 200, 255), (255, 96, 96), (120, 220, 90), (210, 130, 255))
"""By candidate, repeated."""
BAND = 26
"""Height of the band below the image that has the notice, in pixels."""
MIN_WIDTH = 420
"""Narrower frames get black at the right, so that the notice fits."""


def choose_colour(mark: Mark) -> tuple[int, int, int]:
    """The colour of a candidate in all of its frames."""
    return COLOURS[(mark.candidate.track_id - 1) % len(COLOURS)]


def draw_overlay(
    analysis: LesionAnalysis, marks: Sequence[Mark], image: RGB, trails: Sequence[tuple[Mark, Sequence[tuple[int, int]]]] = ()
) -> RGB:
    """A frame, black outside the views, with outlines, numbers and confidences of its `marks`.

    `image` is uint8 (H, W, 3). `trails` are the centres of candidates in earlier frames, x and y in
    pixels, which are drawn as lines. The notice is drawn below the frame; the sides of the result
    are even. Raises `InvalidInput` for an image of another size.
    """
    if image.shape != (analysis.height, analysis.width, 3) or image.dtype != np.uint8:
        raise InvalidInput(f"The frame must be uint8 ({analysis.height}, {analysis.width}, 3), not {image.dtype} {image.shape}.")
    drawn = mask_outside(image, [found.view for found in analysis.views])
    for mark, centres in trails:
        cv2.polylines(drawn, [np.array(centres, np.int32)], False, choose_colour(mark), 1, cv2.LINE_AA)
    for mark in marks:
        colour = choose_colour(mark)
        cv2.polylines(drawn, [np.rint(mark.outline()).astype(np.int32)], True, colour, 1, cv2.LINE_AA)
        text = f"{mark.candidate.track_id}: {mark.region.confidence:.2f}"
        corner = mark.box[0], max(10, mark.box[1] - 4)
        cv2.putText(drawn, text, corner, cv2.FONT_HERSHEY_SIMPLEX, 0.4, colour, 1, cv2.LINE_AA)
    height, width = analysis.height + BAND, max(analysis.width, MIN_WIDTH)
    canvas = np.zeros((height + height % 2, width + width % 2, 3), np.uint8)
    canvas[: analysis.height, : analysis.width] = drawn
    place = 6, analysis.height + BAND - 9
    cv2.putText(canvas, analysis.notice, place, cv2.FONT_HERSHEY_SIMPLEX, 0.42, (255, 255, 255), 1, cv2.LINE_AA)
    return canvas


def export_overlay(analysis: LesionAnalysis, frame: int, image: RGB) -> bytes:
    """A frame as `draw_overlay` draws it, as PNG; the notice is also stored as the text `Comment`.

    Raises `InvalidInput` for an image of another size.
    """
    canvas = draw_overlay(analysis, [mark for mark in analysis.list_marks() if mark.frame == frame], image)
    texts = PngInfo()
    texts.add_text("Comment", analysis.notice)
    file = io.BytesIO()
    Image.fromarray(canvas).save(file, "PNG", pnginfo=texts)
    return file.getvalue()
