"""All images and masks of a training in one file, small enough to be sent to another machine.

Images are placed in squares as for the network, slightly larger than its input, and stored as WebP
of high quality; masks are lossless. Names of arrays end in their axes: N images, S side.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from mm.data.lesion_images import LesionImage, load_lesion_image, read_lesion_images
from mm.errors import Corrupt
from mm.files import open_atomic
from mm.lesions.segmentation.letterbox import Grey, Letterbox

SIDE = 352
QUALITY = 90
"""Of WebP, at most 100."""
SPLITS = ("train", "dev")
ROWS = "rows.json"


@dataclass(frozen=True, slots=True)
class PackedRow:
    """What a pack knows of an image."""

    name: str  # unique within the pack
    data_set: str
    group: str
    split: str
    height: int  # of the original
    width: int


@dataclass(frozen=True, slots=True, eq=False)
class LesionPack:
    """Images of several data sets, in memory."""

    rows: Sequence[PackedRow]
    grey_NSS: Grey
    mask_NSS: npt.NDArray[np.bool_]

    def select(self, data_sets: Sequence[str], split: str) -> LesionPack:
        """The images of a split of these data sets."""
        indices = [index for index, row in enumerate(self.rows) if row.data_set in data_sets and row.split == split]
        return self.take(indices)

    def take(self, indices: Sequence[int]) -> LesionPack:
        """The images with these numbers."""
        return LesionPack([self.rows[index] for index in indices], self.grey_NSS[indices], self.mask_NSS[indices])


def pack_lesion_images(folders: Sequence[Path], out: Path, side: int = SIDE) -> int:
    """Write train and dev of data sets to one file; return the number of images.

    Raises `InvalidInput` for an unreadable data set.
    """
    images = [(split, image) for folder in folders for split in SPLITS for image in read_lesion_images(folder, split)]
    with ThreadPoolExecutor() as pool:
        packed = list(pool.map(lambda pair: _encode(pair[0], pair[1], side), images))
    with open_atomic(out) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(ROWS, json.dumps([asdict(row) for row, _, _ in packed]))
        for number, (_, grey, mask) in enumerate(packed):
            archive.writestr(f"{number}.webp", grey)
            archive.writestr(f"{number}.png", mask)
    return len(packed)


def read_pack(path: Path) -> LesionPack:
    """Read what `pack_lesion_images` wrote. Raises `Corrupt` for any other file."""
    try:
        with zipfile.ZipFile(path) as archive:
            rows = [PackedRow(**row) for row in json.loads(archive.read(ROWS))]
            encoded = [(archive.read(f"{number}.webp"), archive.read(f"{number}.png")) for number in range(len(rows))]
        with ThreadPoolExecutor() as pool:
            decoded = list(pool.map(lambda pair: (_decode(pair[0]), _decode(pair[1])), encoded))
        return LesionPack(rows, np.stack([grey for grey, _ in decoded]), np.stack([mask > 127 for _, mask in decoded]))
    except (OSError, zipfile.BadZipFile, KeyError, TypeError, ValueError) as error:
        raise Corrupt(f"{path} is not a pack of lesion images: {error}.") from error


def _encode(split: str, image: LesionImage, side: int) -> tuple[PackedRow, bytes, bytes]:
    grey_HW, mask_HW = load_lesion_image(image)
    box = Letterbox.fit(grey_HW.shape, side)
    webp = cv2.imencode(".webp", box.place(grey_HW), [cv2.IMWRITE_WEBP_QUALITY, QUALITY])[1]
    png = cv2.imencode(".png", box.place(mask_HW.astype(np.uint8) * 255, is_mask=True), [cv2.IMWRITE_PNG_BILEVEL, 1])[1]
    height, width = grey_HW.shape
    name = f"{image.data_set}/{image.path.parent.name}/{image.path.name}"
    return PackedRow(name, image.data_set, image.group, split, height, width), webp.tobytes(), png.tobytes()


def _decode(data: bytes) -> Grey:
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE)
    if image is None:
        raise ValueError("an image cannot be decoded")
    return np.asarray(image, np.uint8)
