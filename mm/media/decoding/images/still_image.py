"""Still images by Pillow: any mode and depth to RGB, upright, over white.

A JPEG is decoded at 1/2, 1/4 or 1/8 of its sides where it is requested that small: a mean over each
block, which skips most of the arithmetic (libjpeg's scaled DCT, Pillow's draft mode). All of its
bytes are read, so that damage is found.
"""

from __future__ import annotations

import io
import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any, BinaryIO, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import AvifImagePlugin, BmpImagePlugin, Image, Jpeg2KImagePlugin, UnidentifiedImageError

from mm.errors import MediaError, TooLarge, UnsupportedMedia
from mm.media.capture.image import read_canon_raw, read_image, read_raw
from mm.media.containers.canon_raw import read_canon_boxes
from mm.media.containers.file_types import CR3, JPEG, RAW_CONTAINERS
from mm.media.containers.memory_estimate import ImageSize, no_reserve
from mm.media.containers.raw_preview import find_raw_preview
from mm.media.containers.truncation import describe_missing_data, lacks_end_marker
from mm.media.decoding.images.heif import HAS_HEIF

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mm.media.containers.file_types import FileType
    from mm.media.containers.memory_estimate import Reserve
    from mm.media.types import RGB, Capture

Numbers: TypeAlias = npt.NDArray[Any]

Image.MAX_IMAGE_PIXELS = None  # `StillImage` applies its own limit
SCALES = (8, 4, 2)
PROBE_SIDE = 480
"""Minimum of the longest side, in pixels, at which a JPEG is decoded to check it: a tower requests
less."""
EXIF_AFTER_PIXELS = frozenset({"png"})
"""Containers whose orientation may follow the pixels: Pillow decodes them to read it."""
TURNED_BY_PILLOW = frozenset({"tiff"})
"""Containers that Pillow decodes upright, and whose size it states as shown."""
BLOCK_PIXELS = 1 << 20
"""Pixels that are converted at a time in an image of more than 8 bits."""
EXIF_ORIENTATION = 0x0112  # 1 to 8; from 5 on the image is rotated by 90 degrees
ANIMATED = frozenset({"gif", "png", "webp", "avif"})
"""Containers of one image or of several that follow each other in time."""
TRANSPOSITIONS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""How an image of each Exif orientation is turned upright (Exif 3.0, 4.6.5.1.6)."""
MAX_PREVIEW_BYTES = 128 << 20
"""Maximum size of the preview of a raw photo: a JPEG of the sensor's size takes some 30 MB."""
PLUGINS = (AvifImagePlugin, BmpImagePlugin, Jpeg2KImagePlugin)
"""Decoders that Pillow would import on first use, which the sandbox forbids."""


class StillImage:
    """An opened image, decoded on request. `width` and `height` are as shown.

    Raises `MediaError`, and `TooLarge` before anything is decoded.
    """

    def __init__(self, file: BinaryIO, name: str, kind: FileType, max_pixels: int, reserve: Reserve = no_reserve) -> None:
        """Open an image; `reserve` is called before anything of the image's size is allocated."""
        stored_orientation, self._raw_file = 1, None if kind.container not in RAW_CONTAINERS else file
        self._is_canon_raw = kind is CR3
        if self._raw_file is not None:
            file, stored_orientation = _open_preview(file, name)
            kind = JPEG
        if kind.format == "HEIF" and not HAS_HEIF:
            raise UnsupportedMedia(f"{name}: this is a HEIC image, which needs the package pi-heif: pip install pi-heif.")
        self._file, self._name, self._kind, self._reserve = file, name, kind, reserve
        if missing := describe_missing_data(file, kind):
            raise MediaError(name, "truncated", missing)
        file.seek(0)
        with self._convert_errors():
            self._image = Image.open(file, formats=[kind.format])
        self._original = width, height = self._image.size
        if width * height > max_pixels:
            raise TooLarge(f"{name}: {width} x {height} pixels exceed the limit of {max_pixels} pixels (MM_MEDIA_PIXELS).")
        with self._convert_errors():
            self.is_animated = kind.container in ANIMATED and bool(getattr(self._image, "is_animated", False))
            orientation = 1 if kind.container in EXIF_AFTER_PIXELS else self._read_orientation(stored_orientation)
        self._size = ImageSize(
            pixels=width * height,
            mode=self._image.mode,
            container=kind.container,
            file_bytes=file.seek(0, os.SEEK_END),
            is_progressive=bool(self._image.info.get("progressive")),
            is_rotated=orientation != 1 or kind.container in EXIF_AFTER_PIXELS,
        )
        self._set_orientation(orientation)
        self._has_scales = kind.container == "jpeg"
        self._decoded_scale: int | None = None

    def load(self) -> None:
        """Decode the whole image: only a full decode shows that it is complete."""
        scale = self._choose_scale(PROBE_SIDE)
        self._reserve(*self._size.decoding_bytes(scale))
        self._load(scale)

    def capture(self) -> Capture:
        """When, where and with what it was taken. Call it once the image is decoded."""
        if self._raw_file is None:
            taken = read_image(self._image)
        elif self._is_canon_raw:
            taken = read_canon_raw(read_canon_boxes(self._raw_file).exif)
        else:
            taken = read_raw(self._raw_file)
        return replace(taken, orientation=self._orientation)

    @property
    def is_reduced(self) -> bool:
        """Whether it was decoded at a reduced scale, small enough to keep for the next request."""
        return self._decoded_scale is not None and self._decoded_scale > 1

    def is_decoded_for(self, longest: int | None) -> bool:
        """Whether it was decoded at the scale that a request for this side needs."""
        return self._decoded_scale == self._choose_scale(longest)

    def rgb(self, longest: int | None) -> RGB:
        """Return the image upright, scaled down until no side is over `longest`."""
        scale = self._choose_scale(longest)
        decoding, min_decoding = self._size.decoding_bytes(scale)
        self._reserve(decoding + self._size.conversion_bytes(scale, longest), min_decoding)
        self._load(scale)
        with self._convert_errors():
            image = _eight_bits(self._image if self._is_upright else self._image.transpose(TRANSPOSITIONS[self._orientation]))
            if longest is not None and max(image.size) > longest:
                ratio = longest / max(self.width, self.height)
                size = max(round(self.width * ratio), 1), max(round(self.height * ratio), 1)
                image = image.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
            return np.asarray(image, dtype=np.uint8)

    def skip_frame(self, index: int) -> None:
        """Go to a frame of an animated image without converting it."""
        with self._convert_errors():
            self._image.seek(index)

    def frame_rgb(self, index: int) -> RGB:
        """Return a frame of an animated image at its full size."""
        self._reserve(self._size.decoding_bytes(1)[0] + self._size.conversion_bytes(1, None), self._size.decoding_bytes(1)[1])
        with self._convert_errors():
            self._image.seek(index)
            self._image.load()
            return np.asarray(_eight_bits(self._image), dtype=np.uint8)

    def _load(self, scale: int) -> None:
        if self._decoded_scale == scale:
            return
        with self._convert_errors():
            if scale > 1:
                self._image.draft(None, (max(self._image.width // scale, 1), max(self._image.height // scale, 1)))
            self._image.load()
            self._decoded_scale = scale
            if self._kind.container in EXIF_AFTER_PIXELS:
                self._set_orientation(self._image.getexif().get(EXIF_ORIENTATION, 1))

    def _set_orientation(self, orientation: int) -> None:
        width, height = self._original
        self._orientation = orientation if orientation in range(1, 9) else 1
        self._is_upright = self._orientation == 1 or self._kind.container in TURNED_BY_PILLOW
        is_swapped = self._orientation >= 5 and not self._is_upright
        self.width, self.height = (height, width) if is_swapped else (width, height)

    def _read_orientation(self, stored: int) -> int:
        """Exif orientation of the image, else `stored`, that of the file around it.

        Of AVIF, Pillow returns that of the file's own transformations in place of Exif's; HEIF is
        upright when it is decoded. ISO 23008-12, 6.5.10: Exif's is not applied in addition.
        """
        orientation = 1 if self._kind.container == "heif" else self._image.getexif().get(EXIF_ORIENTATION, stored)
        return orientation if isinstance(orientation, int) else 1

    def _choose_scale(self, longest: int | None) -> int:
        """The strongest reduction at which the longest side is still `longest` pixels."""
        if longest is None or not self._has_scales:
            return 1
        return next((scale for scale in SCALES if max(self.width, self.height) >= scale * longest), 1)

    def _convert_errors(self) -> _ErrorConverter:
        return _ErrorConverter(self._file, self._name, self._kind)


def _open_preview(file: BinaryIO, name: str) -> tuple[BinaryIO, int]:
    """The preview of a raw photo as a file, and the orientation of the photo."""
    preview = find_raw_preview(file)
    if preview is None:
        raise MediaError(name, "unsupported", "this raw photo has no JPEG preview; export it as JPEG and add that")
    if preview.size > MAX_PREVIEW_BYTES:
        raise TooLarge(f"{name}: its preview of {preview.size:,} bytes exceeds the limit of {MAX_PREVIEW_BYTES:,} bytes.")
    file.seek(preview.offset)
    return io.BytesIO(file.read(preview.size)), preview.orientation


class _ErrorConverter:
    """Context manager that converts exceptions of Pillow to `MediaError`."""

    def __init__(self, file: BinaryIO, name: str, kind: FileType) -> None:
        self._file, self._name, self._kind = file, name, kind

    def __enter__(self) -> None:
        return None

    def __exit__(self, cls: object, error: BaseException | None, trace: object) -> None:
        if error is None or isinstance(error, MemoryError | MediaError) or not isinstance(error, Exception):
            return
        if "truncated" in str(error).lower() or lacks_end_marker(self._file, self._kind):
            raise MediaError(self._name, "truncated", "the image ends before its last line") from error
        if isinstance(error, UnidentifiedImageError):  # its message has the object of the file
            raise MediaError(self._name, "unreadable", f"the header of this {self._kind.format} image is damaged") from error
        raise MediaError(self._name, "unreadable", f"it is not a readable {self._kind.format} image: {error}") from error


def _eight_bits(image: Image.Image) -> Image.Image:
    """Convert to RGB of 8 bits.

    Integers of 16 bits keep their scale (65535 is white); floats and 32 bits outside of it are
    stretched.
    """
    if image.mode.startswith("I;16"):
        return _grey(np.asarray(image), 0.0, 65535.0)
    if image.mode in {"I", "F"}:
        values = np.asarray(image)
        low = min(float(block.min(initial=0.0)) for block in _blocks(values))
        high = max(float(block.max(initial=0.0)) for block in _blocks(values))
        white = 1.0 if image.mode == "F" else 65535.0
        return _grey(values, low, high) if low < 0 or high > white else _grey(values, 0.0, white)
    if image.has_transparency_data:
        background = Image.new("RGB", image.size, "white")
        image = image if image.mode == "RGBA" else image.convert("RGBA")
        background.paste(image, mask=image.getchannel("A"))
        return background
    return image if image.mode == "RGB" else image.convert("RGB")


def _blocks(values: Numbers) -> Iterator[npt.NDArray[np.float64]]:
    """Blocks of rows in double precision: all rows at once would take eight times the image."""
    rows = max(BLOCK_PIXELS // max(values.shape[1], 1), 1)
    for start in range(0, values.shape[0], rows):
        yield np.nan_to_num(values[start : start + rows].astype(np.float64))


def _grey(values: Numbers, black: float, white: float) -> Image.Image:
    shades = np.empty(values.shape, np.uint8)
    row = 0
    for block in _blocks(values):
        scaled = np.rint((block - black) * (255.0 / (white - black)))
        shades[row : row + len(block)] = np.clip(scaled, 0, 255)
        row += len(block)
    return Image.fromarray(shades).convert("RGB")
