"""Still images by Pillow: any mode and depth to RGB, upright, over white.

A JPEG is decoded no larger than it is shown, at 1/2, 1/4 or 1/8 of its sides: a mean over each
block, without the rest of the arithmetic (libjpeg's scaled DCT, Pillow's draft mode). All of its
bytes are read all the same, so that damage is found.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, BinaryIO, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from mm.errors import MediaError, TooLarge
from mm.media.containers.memory_estimate import StillSize, no_reserve
from mm.media.containers.truncation import describe_missing_data, lacks_end_marker

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mm.media.containers.memory_estimate import Reserve
    from mm.media.containers.sniff import FileType
    from mm.media.types import RGB

Numbers: TypeAlias = npt.NDArray[Any]

Image.MAX_IMAGE_PIXELS = None  # `StillImage` has its own limit
SCALES = (8, 4, 2)
LOOKED_AT = 480
"""Longest side, in pixels at least, of a JPEG that is looked at to see whether it is whole: a tower
asks for less."""
EXIF_BEHIND = frozenset({"png"})
"""Containers whose orientation may stand behind the pixels: Pillow decodes them to tell it."""
BLOCK_PIXELS = 1 << 20
"""Pixels that are converted at a time where a picture has more than 8 bits."""
EXIF_ORIENTATION = 0x0112  # 1 to 8; from 5 on the picture lies on its side


class StillImage:
    """An opened picture, not decoded yet. `width` and `height` are as shown.

    Raises `MediaError`, and `TooLarge` before anything is decoded.
    """

    def __init__(self, file: BinaryIO, name: str, kind: FileType, max_pixels: int, reserve: Reserve = no_reserve) -> None:
        """`reserve` is called before anything of the picture's size is allocated: see
        mm/media/containers/memory_estimate.py."""
        self._file, self._name, self._kind, self._reserve = file, name, kind, reserve
        if missing := describe_missing_data(file, kind):
            raise MediaError(name, "truncated", missing)
        file.seek(0)
        with self._explained():
            self._image = Image.open(file, formats=[kind.format])
        self._original = width, height = self._image.size
        if width * height > max_pixels:
            raise TooLarge(
                f"{name}: {width} x {height} pixels are more than {max_pixels}, the most that is read (MM_MEDIA_PIXELS)."
            )
        with self._explained():
            self.animated = kind.container == "gif" and bool(getattr(self._image, "is_animated", False))
            orientation = 1 if kind.container in EXIF_BEHIND else self._image.getexif().get(EXIF_ORIENTATION, 1)
        self._size = StillSize(
            pixels=width * height,
            mode=self._image.mode,
            container=kind.container,
            file_bytes=file.seek(0, os.SEEK_END),
            progressive=bool(self._image.info.get("progressive")),
            turned=orientation != 1 or kind.container in EXIF_BEHIND,
        )
        self._turn(orientation)
        self._shrinks = kind.container == "jpeg"
        self._shrunk: int | None = None  # the scale it was decoded at

    def load(self) -> None:
        """Decode it as a whole, which is the only way to know that it is whole."""
        scale = self._scale(LOOKED_AT)
        self._reserve(*self._size.decoding(scale))
        self._load(scale)

    @property
    def is_small(self) -> bool:
        """It was decoded at a scale, so that it can be kept for the next who asks."""
        return self._shrunk is not None and self._shrunk > 1

    def serves(self, longest: int | None) -> bool:
        """Whether it was decoded at the scale that this side would be decoded at."""
        return self._shrunk == self._scale(longest)

    def rgb(self, longest: int | None) -> RGB:
        """The picture, upright, scaled down until no side is over `longest`."""
        scale = self._scale(longest)
        decoding, at_least = self._size.decoding(scale)
        self._reserve(decoding + self._size.showing(scale, longest), at_least)
        self._load(scale)
        with self._explained():
            image = _eight_bits(ImageOps.exif_transpose(self._image) if not self._upright else self._image)
            if longest is not None and max(image.size) > longest:
                share = longest / max(self.width, self.height)
                size = max(round(self.width * share), 1), max(round(self.height * share), 1)
                image = image.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
            return np.asarray(image, dtype=np.uint8)

    def _load(self, scale: int) -> None:
        if self._shrunk == scale:
            return
        with self._explained():
            if scale > 1:
                self._image.draft(None, (max(self._image.width // scale, 1), max(self._image.height // scale, 1)))
            self._image.load()
            self._shrunk = scale
            if self._kind.container in EXIF_BEHIND:
                self._turn(self._image.getexif().get(EXIF_ORIENTATION, 1))

    def _turn(self, orientation: int) -> None:
        """Note how it is to be shown."""
        width, height = self._original
        self._upright = orientation == 1
        self.width, self.height = (height, width) if orientation >= 5 else (width, height)

    def _scale(self, longest: int | None) -> int:
        """The largest at which its longest side is still `longest` pixels."""
        if longest is None or not self._shrinks:
            return 1
        return next((scale for scale in SCALES if max(self.width, self.height) >= scale * longest), 1)

    def _explained(self) -> _Explained:
        return _Explained(self._file, self._name, self._kind)


class _Explained:
    """Turns what Pillow raises into a `MediaError`."""

    def __init__(self, file: BinaryIO, name: str, kind: FileType) -> None:
        self._file, self._name, self._kind = file, name, kind

    def __enter__(self) -> None:
        return None

    def __exit__(self, cls: object, error: BaseException | None, trace: object) -> None:
        if error is None or isinstance(error, MemoryError | MediaError) or not isinstance(error, Exception):
            return
        if "truncated" in str(error).lower() or lacks_end_marker(self._file, self._kind):
            raise MediaError(self._name, "truncated", "the picture ends before its last line") from error
        raise MediaError(self._name, "unreadable", f"it is not a readable {self._kind.format} picture: {error}") from error


def _eight_bits(image: Image.Image) -> Image.Image:
    """RGB of 8 bits. Integers of 16 bits keep their scale (65535 is white); floats and 32 bits
    outside it are stretched."""
    if image.mode.startswith("I;16"):
        return _grey(np.asarray(image), 0.0, 65535.0)
    if image.mode in {"I", "F"}:
        values = np.asarray(image)
        low = min(float(block.min(initial=0.0)) for block in _blocks(values))
        high = max(float(block.max(initial=0.0)) for block in _blocks(values))
        white = 1.0 if image.mode == "F" else 65535.0
        return _grey(values, low, high) if low < 0 or high > white else _grey(values, 0.0, white)
    if image.has_transparency_data:
        ground = Image.new("RGB", image.size, "white")
        image = image if image.mode == "RGBA" else image.convert("RGBA")
        ground.paste(image, mask=image.getchannel("A"))
        return ground
    return image if image.mode == "RGB" else image.convert("RGB")


def _blocks(values: Numbers) -> Iterator[npt.NDArray[np.float64]]:
    """Some rows at a time, in double precision: all at once would take eight times the bytes of the
    picture and more."""
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
