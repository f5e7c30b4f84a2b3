"""What a trained network computes for the images of a pack, and its file.

Names of arrays end in their axes: N images, H height, W width.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from mm.errors import Corrupt
from mm.files import open_atomic
from mm.lesions.segmentation.confidence import RegionConfidence
from mm.lesions.segmentation.letterbox import Letterbox
from mm.lesions.segmentation.regions import LesionRegion, find_regions
from mm.lesions.segmentation.segmenter import LogitMaps
from mm.numerics import Float32, sigmoid
from mm.training.lesions.pack import LesionPack, PackedRow

STEP = 0.1
"""Logits are rounded to multiples of this, within -12.7 to 12.7, which keeps the file small."""
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Predictions:
    """Logits of images, at the resolution of the network's output."""

    names: tuple[str, ...]
    logits_NHW: npt.NDArray[np.int8]
    """In units of `STEP`."""
    presence_N: Float32

    def write(self, path: Path) -> None:
        """Write all to a file."""
        with open_atomic(path) as file:
            np.savez_compressed(file, names=np.array(self.names), logits=self.logits_NHW, presence=self.presence_N)

    @classmethod
    def read(cls, path: Path) -> Predictions:
        """The opposite of `write`. Raises `Corrupt`."""
        try:
            with np.load(path) as file:
                return cls(tuple(map(str, file["names"])), file["logits"], file["presence"])
        except (OSError, KeyError, ValueError) as error:
            raise Corrupt(f"{path} does not hold predictions of a lesion network: {error}.") from error


@dataclass(frozen=True, slots=True, eq=False)
class PredictedImage:
    """One image of a pack with its prediction, cropped to the image."""

    row: PackedRow
    truth_HW: Mask
    probability_HW: Float32
    presence: float

    def find(self, threshold: float, weak_threshold: float, confidence: RegionConfidence) -> list[LesionRegion]:
        """The regions at these thresholds."""
        return find_regions(self.probability_HW, self.presence, threshold, weak_threshold, confidence)


def predict(compute: LogitMaps, pack: LesionPack, size: int, *, mirror: bool = True) -> Predictions:
    """Compute the logits of all images, scaled to `size`; with `mirror` as `LesionSegmenter`."""
    squares = [cv2.resize(grey, (size, size), interpolation=cv2.INTER_AREA) for grey in pack.grey_NSS]
    grey_NHW = np.stack(squares).astype(np.uint8)
    logits_NHW, presence_N = compute(grey_NHW)
    if mirror:
        mirrored_NHW, mirrored_N = compute(np.ascontiguousarray(grey_NHW[:, :, ::-1]))
        logits_NHW = np.asarray((logits_NHW + mirrored_NHW[:, :, ::-1]) / 2, np.float32)
        presence_N = np.asarray((presence_N + mirrored_N) / 2, np.float32)
    return Predictions(
        tuple(row.name for row in pack.rows), np.rint(logits_NHW / STEP).clip(-127, 127).astype(np.int8), presence_N
    )


def match_predictions(pack: LesionPack, predictions: Predictions) -> list[PredictedImage]:
    """The images of a pack with their predictions; raises `KeyError` for one without."""
    side = pack.grey_NSS.shape[1]
    place = {name: index for index, name in enumerate(predictions.names)}
    images: list[PredictedImage] = []
    for row, mask_SS in zip(pack.rows, pack.mask_NSS, strict=True):
        index = place[row.name]
        # The images of a pack are squares already: the inner part, at the resolution of the pack.
        inner = Letterbox.fit((row.height, row.width), side)
        rows = slice(inner.top, inner.top + inner.scaled_height)
        columns = slice(inner.left, inner.left + inner.scaled_width)
        logits = cv2.resize(predictions.logits_NHW[index].astype(np.float32) * STEP, (side, side), interpolation=cv2.INTER_LINEAR)
        probability_HW = sigmoid(np.ascontiguousarray(logits[rows, columns], np.float32))
        truth_HW = np.ascontiguousarray(mask_SS[rows, columns])
        images.append(PredictedImage(row, truth_HW, probability_HW, float(predictions.presence_N[index])))
    return images
