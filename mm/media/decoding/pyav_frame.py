"""Conversion of a libav frame to RGB: upright, square pixels, deinterlaced, BT.709, over white."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple, cast

import numpy as np
from av.video.reformatter import Colorspace, Interpolation, VideoReformatter

from mm.errors import TooLarge
from mm.media.decoding.decoder import SIGNATURE_SIDE
from mm.media.decoding.deinterlace import deinterlace
from mm.media.decoding.hdr import to_sdr

if TYPE_CHECKING:
    from fractions import Fraction

    import numpy.typing as npt
    from av.buffer import Buffer
    from av.video.frame import VideoFrame

    from mm.media.decoding.decoder import Signature
    from mm.media.decoding.hdr import Primaries, Transfer
    from mm.media.types import RGB

HD_LINES = 720  # frames without a colour space are BT.709 from this height on, below it BT.601
UNSPECIFIED = 2
TRANSFERS: dict[int, Transfer] = {16: "pq", 18: "hlg"}  # ITU-T H.273, table 3
PRIMARIES: dict[int, Primaries] = {1: "bt709", 9: "bt2020", 12: "p3"}  # table 2


class FrameConverter:
    """Converts frames of one stream. The scaler keeps its tables between frames of one size."""

    def __init__(self, name: str, max_pixels: int, aspect: Fraction | None) -> None:
        self._name, self._max_pixels = name, max_pixels
        self._aspect = float(aspect) if aspect else 1.0
        self._large, self._small = VideoReformatter(), VideoReformatter()

    def size(self, frame: VideoFrame) -> tuple[int, int]:
        """Width and height with square pixels, before rotation."""
        if frame.width * frame.height > self._max_pixels:
            raise TooLarge(
                f"{self._name}: frames of {frame.width} x {frame.height} pixels exceed the limit of {self._max_pixels} pixels "
                "(MM_MEDIA_PIXELS)."
            )
        if self._aspect > 1:
            return round(frame.width * self._aspect), frame.height
        return frame.width, round(frame.height / self._aspect)

    def rgb(self, frame: VideoFrame, longest: int | None) -> RGB:
        """Convert a frame to RGB as shown, with no side over `longest`."""
        width, height = self.size(frame)
        scale = min(1.0, longest / max(width, height)) if longest is not None else 1.0
        width, height = max(round(width * scale), 1), max(round(height * scale), 1)
        orientation, shown = read_orientation(frame), deinterlace(frame)
        encoding = _light_encoding(frame)
        has_alpha = encoding is None and any(component.is_alpha for component in frame.format.components)
        converted = self._large.reformat(
            shown,
            width=width,
            height=height,
            format="rgb48le" if encoding else "rgba" if has_alpha else "rgb24",
            src_colorspace=_colorspace(frame),
            interpolation=Interpolation.AREA if scale < 1 else Interpolation.BICUBIC,
            threads=1,  # starting threads takes longer than the conversion
        ).to_ndarray()
        if encoding is not None:
            return rotate(to_sdr(np.asarray(converted, dtype=np.uint16), *encoding), orientation)
        image = np.asarray(converted, dtype=np.uint8)
        return rotate(_over_white(image) if has_alpha else image, orientation)

    def signature(self, frame: VideoFrame) -> Signature:
        """Scale a frame down to its signature."""
        side = SIGNATURE_SIDE
        small = self._small.reformat(
            frame, width=side, height=side, format="yuv444p", interpolation=Interpolation.AREA, threads=1
        )
        planes = (np.frombuffer(plane, np.uint8).reshape(side, plane.line_size)[:, :side] for plane in small.planes)  # type: ignore[call-overload]
        return np.stack(list(planes)).astype(np.int16)


class PyavFrame:
    """A `DecodedFrame` that references the buffer of the codec until it is released."""

    def __init__(self, time: float, frame: VideoFrame, converter: FrameConverter) -> None:
        self.time = time
        self._frame, self._converter = frame, converter

    @cached_property
    def signature(self) -> Signature:
        return self._converter.signature(self._frame)

    def rgb(self, longest: int | None) -> RGB:
        return self._converter.rgb(self._frame, longest)


class Orientation(NamedTuple):
    """Rotation to apply before a frame is shown, after mirroring left and right."""

    quarter_turns: int  # clockwise
    is_mirrored: bool


def read_orientation(frame: VideoFrame) -> Orientation:
    """Read the orientation from the display matrix of a frame (ISO 14496-12, 8.2.2).

    Its upper left 2 x 2 maps stored to shown coordinates, y downwards.
    """
    matrix = frame.side_data.get("DISPLAYMATRIX")
    if matrix is None:
        return Orientation(0, False)
    a, b, _, c, d = np.frombuffer(bytes(cast("Buffer", matrix)), dtype=np.int32)[:5].astype(float)
    is_mirrored = a * d - b * c < 0
    if is_mirrored:
        a, b = -a, -b
    return Orientation(round(float(np.degrees(np.arctan2(b, a))) / 90) % 4, is_mirrored)


def rotate(image: RGB, orientation: Orientation) -> RGB:
    """Apply an orientation to an image."""
    if orientation.is_mirrored:
        image = image[:, ::-1]
    return np.ascontiguousarray(np.rot90(image, -orientation.quarter_turns))


def _light_encoding(frame: VideoFrame) -> tuple[Transfer, Primaries] | None:
    """Transfer function and primaries of a frame; None for standard dynamic range of BT.709."""
    transfer = TRANSFERS.get(frame.color_trc, "sdr")
    primaries = PRIMARIES.get(frame.color_primaries, "bt709" if transfer == "sdr" else "bt2020")
    return None if (transfer, primaries) == ("sdr", "bt709") else (transfer, primaries)


def _colorspace(frame: VideoFrame) -> int | None:
    if frame.colorspace != UNSPECIFIED or frame.format.name.startswith(("rgb", "bgr", "gbr", "pal", "gray")):
        return None
    if frame.color_trc in TRANSFERS:
        return Colorspace.BT2020
    return Colorspace.ITU709 if frame.height >= HD_LINES else Colorspace.ITU601


def _over_white(image: npt.NDArray[np.uint8]) -> RGB:
    colour, alpha = image[..., :3].astype(np.uint16), image[..., 3:].astype(np.uint16)
    return ((colour * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)
