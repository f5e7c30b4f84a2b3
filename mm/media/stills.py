"""Still pictures by Pillow: any mode and depth to RGB, upright, over white."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

import numpy as np
from PIL import Image, ImageOps

from mm.errors import MediaError, TooLarge
from mm.media.truncation import ends_early, what_is_missing

if TYPE_CHECKING:
    from mm.media.sniff import FileType
    from mm.media.types import RGB

Image.MAX_IMAGE_PIXELS = None  # the size is held against our own limit, before anything is decoded


class Still:
    """An opened picture. `width` and `height` are as shown."""

    def __init__(self, file: BinaryIO, name: str, kind: FileType, max_pixels: int) -> None:
        self._file, self._name, self._kind = file, name, kind
        if missing := what_is_missing(file, kind):
            raise MediaError(name, "truncated", missing)
        file.seek(0)
        with self._explained():
            self._image = Image.open(file, formats=[kind.format])
            self.frames = int(getattr(self._image, "n_frames", 1)) if kind.container == "gif" else 1
            turned = self._image.getexif().get(0x0112, 1) >= 5  # EXIF orientations 5 to 8 lie on their side
        width, height = self._image.size
        if width * height > max_pixels:
            raise TooLarge(
                f"{name}: {width} x {height} pixels are more than {max_pixels}, the most that is read (MM_MEDIA_PIXELS)."
            )
        self.width, self.height = (height, width) if turned else (width, height)

    def rgb(self, longest: int | None) -> RGB:
        """The picture, upright, scaled down until no side is over `longest`."""
        with self._explained():
            if longest is not None:
                self._image.draft("RGB", (longest, longest))
            self._image.load()
            image = ImageOps.exif_transpose(self._image)
            image = _eight_bits(image)
            if longest is not None and max(image.size) > longest:
                image.thumbnail((longest, longest), Image.Resampling.LANCZOS, reducing_gap=3.0)
            return np.asarray(image, dtype=np.uint8)

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
        if "truncated" in str(error).lower() or ends_early(self._file, self._kind):
            raise MediaError(self._name, "truncated", "the picture ends before its last line") from error
        raise MediaError(self._name, "unreadable", f"it is not a readable {self._kind.format} picture: {error}") from error


def _eight_bits(image: Image.Image) -> Image.Image:
    """RGB of 8 bits. Integers of 16 bits keep their scale (65535 is white); floats and 32 bits outside it are stretched."""
    if image.mode.startswith("I;16"):
        return _grey(np.asarray(image).astype(np.float64) / 257.0)
    if image.mode in {"I", "F"}:
        values = np.nan_to_num(np.asarray(image).astype(np.float64))
        low, high = float(values.min(initial=0.0)), float(values.max(initial=0.0))
        white = 1.0 if image.mode == "F" else 65535.0
        if low < 0 or high > white:
            return _grey((values - low) * (255.0 / (high - low)))
        return _grey(values * (255.0 / white))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white_ground = Image.new("RGBA", image.size, (255, 255, 255, 255))
        return Image.alpha_composite(white_ground, image).convert("RGB")
    return image if image.mode == "RGB" else image.convert("RGB")


def _grey(values: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> Image.Image:
    return Image.fromarray(np.clip(np.rint(values), 0, 255).astype(np.uint8)).convert("RGB")
