"""Pictures to the lines of text that are written in them.

PP-OCRv4 mobile (https://arxiv.org/abs/2206.03001): DBNet (https://arxiv.org/abs/1911.08947) tells
where text is, SVTR-LCNet what it says, Latin and Chinese. The graphs come with the wheel
rapidocr-onnxruntime, Apache-2.0; what drives them here needs neither OpenCV nor Shapely. Lines are
taken as upright boxes: text that leans far is missed.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from mm.errors import Corrupt, InvalidInput, Unavailable
from mm.media.types import RGB
from mm.models.ocr.dbnet import Box, find_boxes
from mm.runtimes.onnxruntime_cpu import OnnxRuntimeGraph

DETECTION_SIDE = 960
"""Pixels of the longest side that the detector sees: letters lower than 1 % of that are not read
anyway."""
SCREENING_SIDE = 480
"""The same for a first look that costs a quarter: where it sees no text there is no second."""
SIDE_MULTIPLE = 32
"""The detector takes sides that are multiples of this."""
MIN_CONFIDENCE = 0.8
"""Least mean confidence of a line's letters: textures that are taken for text are read with less.
"""
MAX_LINES = 64
"""Lines that are read of one picture, the largest ones."""
LINE_HEIGHT, MAX_LINE_WIDTH = 48, 1920
"""Pixels of a line as it is read, and the widest; a wider one is squeezed."""
BATCH = 8
VERTICAL_RATIO = 1.5
"""A box so many times as high as wide is a line that is turned by 90 degrees."""
MIN_LETTERS = 2
"""A line of one letter says nothing: an O is any circle."""


@dataclass(frozen=True, slots=True)
class TextLine:
    """Words in a picture. The box is in pixels of the picture that was read."""

    text: str
    confidence: float
    box: Box


class TextRecognizer:
    """Finds and reads lines. Safe to use from several threads."""

    def __init__(self, threads: int = 0) -> None:
        """Raises `Unavailable` when its wheel is not installed, `Corrupt` when the wheel's graphs
        cannot be read."""
        folder = _model_folder()
        self._detector = OnnxRuntimeGraph(folder / "ch_PP-OCRv4_det_infer.onnx", threads)
        self._recogniser = OnnxRuntimeGraph(folder / "ch_PP-OCRv4_rec_infer.onnx", threads)
        letters = self._recogniser.metadata().get("character", "").splitlines()
        if not letters:
            raise Corrupt("The graph that reads lines does not say which letters it knows.")
        self._letters = ["", *letters, " "]  # class 0 is CTC's blank

    def recognize(self, image: RGB) -> list[TextLine]:
        """Lines in the order of reading, top to bottom; none where nothing is written. (height,
        width, 3) uint8.

        Raises `InvalidInput` for what is no picture.
        """
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or 0 in image.shape:
            raise InvalidInput(f"A picture is (height, width, 3) of uint8, not {image.shape} of {image.dtype}.")
        if not self._find(image, SCREENING_SIDE):
            return []
        boxes = sorted(self._find(image, DETECTION_SIDE), key=lambda box: box.area, reverse=True)[:MAX_LINES]
        crops = [_line(image, box) for box in boxes]
        order = sorted(range(len(crops)), key=lambda index: crops[index].shape[1])  # lines of like width share a batch
        lines: list[TextLine] = []
        for start in range(0, len(order), BATCH):
            some = order[start : start + BATCH]
            for index, (text, confidence) in zip(some, self._spell([crops[index] for index in some]), strict=True):
                if confidence >= MIN_CONFIDENCE and sum(map(str.isalnum, text)) >= MIN_LETTERS:
                    lines.append(TextLine(text, confidence, boxes[index]))
        return sorted(lines, key=lambda line: (line.box.top, line.box.left))

    def describe(self) -> str:
        """One line for a person."""
        return "PP-OCRv4 mobile, Latin and Chinese (rapidocr-onnxruntime), onnxruntime"

    def _find(self, image: RGB, longest: int) -> list[Box]:
        height, width = image.shape[:2]
        scale = min(longest / max(height, width), 2.0)
        rows, columns = (max(round(side * scale / SIDE_MULTIPLE), 1) * SIDE_MULTIPLE for side in (height, width))
        seen = np.asarray(Image.fromarray(image).resize((columns, rows), Image.Resampling.BILINEAR))
        (chances,) = self._detector.run({"x": _normal(seen)[None]}).values()
        return find_boxes(chances[0, 0], height, width)

    def _spell(self, crops: list[RGB]) -> list[tuple[str, float]]:
        """Text and mean confidence of each of some lines."""
        batch = np.zeros((len(crops), 3, LINE_HEIGHT, max(crop.shape[1] for crop in crops)), np.float32)
        for row, crop in zip(batch, crops, strict=True):
            row[:, :, : crop.shape[1]] = _normal(crop)
        (chances_NTC,) = self._recogniser.run({"x": batch}).values()
        return [self._decode(chances_TC) for chances_TC in chances_NTC]

    def _decode(self, chances_TC: npt.NDArray[np.float32]) -> tuple[str, float]:
        """The greedy path of CTC: repetitions are one letter, blanks none."""
        best = chances_TC.argmax(1)
        kept = (best != 0) & np.r_[True, best[1:] != best[:-1]]
        if not kept.any():
            return "", 0.0
        text = "".join(self._letters[index] for index in best[kept])
        return " ".join(text.split()), float(chances_TC.max(1)[kept].mean())


def _normal(image: RGB) -> npt.NDArray[np.float32]:
    """(3, height, width) in [-1, 1], blue first, as the graphs were trained."""
    found: npt.NDArray[np.float32] = np.ascontiguousarray(image[:, :, ::-1].transpose(2, 0, 1), np.float32) / 127.5 - 1
    return found


def _line(image: RGB, box: Box) -> RGB:
    """A box at the height at which lines are read, turned upright."""
    crop = image[box.top : box.bottom, box.left : box.right]
    if crop.shape[0] >= VERTICAL_RATIO * crop.shape[1]:
        crop = np.rot90(crop)
    width = min(max(round(LINE_HEIGHT * crop.shape[1] / crop.shape[0]), 8), MAX_LINE_WIDTH)
    return np.asarray(Image.fromarray(np.ascontiguousarray(crop)).resize((width, LINE_HEIGHT), Image.Resampling.BILINEAR))


def _model_folder() -> Path:
    spec = importlib.util.find_spec("rapidocr_onnxruntime")
    if spec is None or spec.origin is None:
        raise Unavailable("The wheel rapidocr-onnxruntime, which carries what reads text in pictures, is not installed.")
    return Path(spec.origin).parent / "models"
