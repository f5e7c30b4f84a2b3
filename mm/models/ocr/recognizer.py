"""The text recognizer (OCR): images to the lines of text in them.

PP-OCRv4 mobile (https://arxiv.org/abs/2206.03001): DBNet (https://arxiv.org/abs/1911.08947) detects
lines, SVTR-LCNet recognizes their letters, Latin and Chinese. The graphs come with the package
rapidocr-onnxruntime (Apache-2.0); OpenCV and Shapely are not needed here. Lines are cropped as
upright boxes: strongly slanted text is missed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from mm.errors import Corrupt
from mm.media.types import RGB
from mm.models.inputs import require_image
from mm.models.ocr.dbnet import Box, find_boxes
from mm.models.wheels import find_package_folder
from mm.runtimes.onnxruntime_cpu import OnnxRuntimeGraph

DETECTION_SIDE = 960
"""Longest side of the input of the detector, in pixels; letters below 1 % of it are unreadable."""
SCREENING_SIDE = 480
"""The same for a first pass at a quarter of the cost."""
SCREENING_PROBABILITY = 1e-5
"""Least probability of text, of the likeliest pixel of the first pass, from which an image is
detected again. Small letters have a low one. Chosen on imagenet_samples train: the largest power of
ten that misses at most 5 % of the photos with text (docs/reading.md)."""
SIDE_MULTIPLE = 32
"""The detector takes sides that are multiples of this."""
MIN_CONFIDENCE = 0.8
"""Minimum mean confidence of the letters of a line; textures mistaken for text are below it."""
MAX_LINES = 64
"""Lines that are recognized in an image, the largest ones."""
LINE_HEIGHT, MAX_LINE_WIDTH = 48, 1920
"""Size of a line as input, in pixels; a wider line is compressed."""
BATCH = 8
"""Lines of a batch."""
VERTICAL_RATIO = 1.5
"""A box at least this many times as high as wide is a line rotated by 90 degrees."""
MIN_LETTERS = 2
"""Minimum letters of a line: a single letter is often a shape, such as a circle for an O."""


@dataclass(frozen=True, slots=True)
class TextLine:
    """A line of text in an image. The box is in pixels of the image."""

    text: str
    confidence: float
    box: Box


class TextRecognizer:
    """Detects and recognizes lines of text. Safe to call from several threads."""

    def __init__(self, threads: int = 0) -> None:
        """Load the graphs.

        Raises `Unavailable` when their package is not installed, `Corrupt` when they cannot be
        read.
        """
        folder = find_package_folder("rapidocr_onnxruntime", "rapidocr-onnxruntime", "the text recognizer") / "models"
        self._detector = OnnxRuntimeGraph(folder / "ch_PP-OCRv4_det_infer.onnx", threads)
        self._recognizer = OnnxRuntimeGraph(folder / "ch_PP-OCRv4_rec_infer.onnx", threads)
        letters = self._recognizer.metadata().get("character", "").splitlines()
        if not letters:
            raise Corrupt("The graph of the text recognizer has no list of letters in its metadata.")
        self._letters = ["", *letters, " "]  # class 0 is the blank of CTC

    def recognize(self, image: RGB, *, screening: bool = True) -> list[TextLine]:
        """The lines of text in an image, uint8 (height, width, 3), from top to bottom.

        Without `screening` an image that seems to have no text is not skipped. Raises
        `InvalidInput` for another type or shape.
        """
        require_image(image)
        if screening and not self.may_have_text(image):
            return []
        boxes = sorted(self.detect(image, DETECTION_SIDE), key=lambda box: box.area, reverse=True)[:MAX_LINES]
        crops = [_crop_line(image, box) for box in boxes]
        order = sorted(range(len(crops)), key=lambda index: crops[index].shape[1])  # lines of similar width share a batch
        lines: list[TextLine] = []
        for start in range(0, len(order), BATCH):
            batch = order[start : start + BATCH]
            for index, (text, confidence) in zip(batch, self._recognize_crops([crops[i] for i in batch]), strict=True):
                if confidence >= MIN_CONFIDENCE and sum(map(str.isalnum, text)) >= MIN_LETTERS:
                    lines.append(TextLine(text, confidence, boxes[index]))
        return sorted(lines, key=lambda line: (line.box.top, line.box.left))

    def describe(self) -> str:
        """One line: network, languages, runtime."""
        return "PP-OCRv4 mobile, Latin and Chinese (rapidocr-onnxruntime), onnxruntime"

    def may_have_text(self, image: RGB) -> bool:
        """Whether an image is worth reading, by a pass at `SCREENING_SIDE`."""
        return float(self.map_text(image, SCREENING_SIDE).max()) >= SCREENING_PROBABILITY

    def detect(self, image: RGB, longest: int) -> list[Box]:
        """Boxes of lines, detected in the image scaled to a longest side of `longest` pixels."""
        return find_boxes(self.map_text(image, longest), *image.shape[:2])

    def map_text(self, image: RGB, longest: int) -> npt.NDArray[np.float32]:
        """Probability of text of each pixel (rows, columns) of the scaled image."""
        height, width = image.shape[:2]
        scale = min(longest / max(height, width), 2.0)
        rows, columns = (max(round(side * scale / SIDE_MULTIPLE), 1) * SIDE_MULTIPLE for side in (height, width))
        scaled = np.asarray(Image.fromarray(image).resize((columns, rows), Image.Resampling.BILINEAR))
        (probabilities,) = self._detector.run({"x": _preprocess(scaled)[None]}).values()
        map_RC: npt.NDArray[np.float32] = probabilities[0, 0]
        return map_RC

    def _recognize_crops(self, crops: list[RGB]) -> list[tuple[str, float]]:
        """Text and mean confidence of each line."""
        batch = np.zeros((len(crops), 3, LINE_HEIGHT, max(crop.shape[1] for crop in crops)), np.float32)
        for row, crop in zip(batch, crops, strict=True):
            row[:, :, : crop.shape[1]] = _preprocess(crop)
        (probabilities_NTC,) = self._recognizer.run({"x": batch}).values()
        return [self._decode(probabilities_TC) for probabilities_TC in probabilities_NTC]

    def _decode(self, probabilities_TC: npt.NDArray[np.float32]) -> tuple[str, float]:
        """Greedy CTC decoding: repetitions are merged, blanks removed."""
        best = probabilities_TC.argmax(1)
        is_letter = (best != 0) & np.r_[True, best[1:] != best[:-1]]
        if not is_letter.any():
            return "", 0.0
        text = "".join(self._letters[index] for index in best[is_letter])
        return " ".join(text.split()), float(probabilities_TC.max(1)[is_letter].mean())


def _preprocess(image: RGB) -> npt.NDArray[np.float32]:
    """The input of the graphs: (3, height, width) in [-1, 1], channels in the order BGR."""
    pixels: npt.NDArray[np.float32] = np.ascontiguousarray(image[:, :, ::-1].transpose(2, 0, 1), np.float32) / 127.5 - 1
    return pixels


def _crop_line(image: RGB, box: Box) -> RGB:
    """The pixels of a box, rotated to horizontal if needed, scaled to `LINE_HEIGHT`."""
    crop = image[box.top : box.bottom, box.left : box.right]
    if crop.shape[0] >= VERTICAL_RATIO * crop.shape[1]:
        crop = np.rot90(crop)
    width = min(max(round(LINE_HEIGHT * crop.shape[1] / crop.shape[0]), 8), MAX_LINE_WIDTH)
    return np.asarray(Image.fromarray(np.ascontiguousarray(crop)).resize((width, LINE_HEIGHT), Image.Resampling.BILINEAR))
