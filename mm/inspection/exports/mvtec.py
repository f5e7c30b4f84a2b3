"""Folders as those of MVTec AD (Bergmann et al. 2019): images by kind, and masks of the regions.

The masks are what the inspector found, not ground truth.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import cv2
import numpy as np
import numpy.typing as npt

from mm.inspection.exports.files import ExportedFile, OpenImage, find_main_kind, make_slug, write_csv
from mm.inspection.scoring.run_length import decode_mask
from mm.media.types import RGB
from mm.schemas import InspectionRecord

GOOD = "good"
COLUMNS = ("file", "image", "start_s", "verdict", "p_value")


def export_mvtec(records: Sequence[InspectionRecord], open_image: OpenImage) -> Iterator[ExportedFile]:
    """`INSPECTOR/test/KIND/NNN.png`, `INSPECTOR/ground_truth/KIND/NNN_mask.png`, and `index.csv`.

    Images that pass are in `good`, without a mask. Others are in the folder of the kind of their
    first region, or in `anomaly`; undecided ones in `undecided`. Raises as `open_image`.
    """
    rows: list[list[object]] = []
    for number, record in enumerate(records):
        base, kind = make_slug(record.inspector), _choose_folder(record)
        name = f"{base}/test/{kind}/{number:03}.png"
        rows.append([name, record.image, "" if record.start is None else record.start, record.verdict, record.p_value])
        yield ExportedFile(name, encode_png(open_image(record)[..., ::-1]))
        if kind != GOOD:
            yield ExportedFile(f"{base}/ground_truth/{kind}/{number:03}_mask.png", encode_png(draw_mask(record)))
    yield ExportedFile("index.csv", write_csv(COLUMNS, rows))


def draw_mask(record: InspectionRecord) -> npt.NDArray[np.uint8]:
    """The union (H, W) of the regions: 255 inside, 0 elsewhere."""
    mask_HW = np.zeros((record.height, record.width), np.bool_)
    for region in record.regions:
        mask_HW |= decode_mask(region.rle, record.height, record.width)
    return mask_HW.astype(np.uint8) * np.uint8(255)


def encode_png(pixels: RGB) -> bytes:
    """A PNG file of grey pixels (H, W), or of colours (H, W, 3) in the order blue, green, red."""
    return cv2.imencode(".png", np.ascontiguousarray(pixels))[1].tobytes()


def _choose_folder(record: InspectionRecord) -> str:
    if record.verdict == "pass":
        return GOOD
    kind = make_slug(find_main_kind(record)) if record.verdict == "fail" else "undecided"
    return kind if kind != GOOD else "kind_good"
