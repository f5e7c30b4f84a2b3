"""A frame of libav as a picture: upright, square pixels, one field where there are two, RGB of
BT.709, over white."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, cast

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

HD_LINES = 720  # from here on, pictures that do not name their colours are BT.709, below BT.601
UNSPECIFIED = 2
TRANSFERS: dict[int, Transfer] = {16: "pq", 18: "hlg"}  # ITU-T H.273, table 3
PRIMARIES: dict[int, Primaries] = {1: "bt709", 9: "bt2020", 12: "p3"}  # table 2


class FrameConverter:
    """Converts frames. One a stream: the scaler's tables are kept between frames of one size."""

    def __init__(self, name: str, max_pixels: int, aspect: Fraction | None) -> None:
        self._name, self._max_pixels = name, max_pixels
        self._aspect = float(aspect) if aspect else 1.0
        self._large, self._small = VideoReformatter(), VideoReformatter()

    def size(self, frame: VideoFrame) -> tuple[int, int]:
        """Width and height with square pixels, before rotation."""
        if frame.width * frame.height > self._max_pixels:
            raise TooLarge(
                f"{self._name}: frames of {frame.width} x {frame.height} pixels are larger than {self._max_pixels}, "
                "the most that is read (MM_MEDIA_PIXELS)."
            )
        if self._aspect > 1:
            return round(frame.width * self._aspect), frame.height
        return frame.width, round(frame.height / self._aspect)

    def rgb(self, frame: VideoFrame, longest: int | None) -> RGB:
        width, height = self.size(frame)
        scale = min(1.0, longest / max(width, height)) if longest is not None else 1.0
        width, height = max(round(width * scale), 1), max(round(height * scale), 1)
        turn, shown = orientation(frame), deinterlace(frame)
        light = _light(frame)
        see_through = light is None and any(component.is_alpha for component in frame.format.components)
        converted = self._large.reformat(
            shown,
            width=width,
            height=height,
            format="rgb48le" if light else "rgba" if see_through else "rgb24",
            src_colorspace=_colorspace(frame),
            interpolation=Interpolation.AREA if scale < 1 else Interpolation.BICUBIC,
            threads=1,  # so little is done sooner than it is handed out
        ).to_ndarray()
        if light is not None:
            return turned(to_sdr(np.asarray(converted, dtype=np.uint16), *light), turn)
        picture = np.asarray(converted, dtype=np.uint8)
        return turned(_over_white(picture) if see_through else picture, turn)

    def signature(self, frame: VideoFrame) -> Signature:
        side = SIGNATURE_SIDE
        small = self._small.reformat(
            frame, width=side, height=side, format="yuv444p", interpolation=Interpolation.AREA, threads=1
        )
        planes = (np.frombuffer(plane, np.uint8).reshape(side, plane.line_size)[:, :side] for plane in small.planes)  # type: ignore[call-overload]
        return np.stack(list(planes)).astype(np.int16)


class PyavFrame:
    """A `DecodedFrame` that holds on to the codec's own buffer until it is let go."""

    def __init__(self, time: float, frame: VideoFrame, painter: FrameConverter) -> None:
        self.time = time
        self._frame, self._painter = frame, painter

    @cached_property
    def signature(self) -> Signature:
        return self._painter.signature(self._frame)

    def rgb(self, longest: int | None) -> RGB:
        return self._painter.rgb(self._frame, longest)


def orientation(frame: VideoFrame) -> tuple[int, bool]:
    """How the picture is to be turned before it is shown: quarter turns clockwise, after mirroring
    left and right or not.

    Read from the display matrix (ISO 14496-12, 8.2.2), whose upper left 2 x 2 maps stored to shown
    coordinates, y downwards.
    """
    matrix = frame.side_data.get("DISPLAYMATRIX")
    if matrix is None:
        return 0, False
    a, b, _, c, d = np.frombuffer(bytes(cast("Buffer", matrix)), dtype=np.int32)[:5].astype(float)
    mirrored = a * d - b * c < 0
    if mirrored:
        a, b = -a, -b
    return round(float(np.degrees(np.arctan2(b, a))) / 90) % 4, mirrored


def turned(picture: RGB, how: tuple[int, bool]) -> RGB:
    """Apply an `orientation`."""
    turns, mirrored = how
    if mirrored:
        picture = picture[:, ::-1]
    return np.ascontiguousarray(np.rot90(picture, -turns))


def _light(frame: VideoFrame) -> tuple[Transfer, Primaries] | None:
    """How codes stand for light, where it is not as in ordinary film."""
    transfer = TRANSFERS.get(frame.color_trc, "sdr")
    primaries = PRIMARIES.get(frame.color_primaries, "bt709" if transfer == "sdr" else "bt2020")
    return None if (transfer, primaries) == ("sdr", "bt709") else (transfer, primaries)


def _colorspace(frame: VideoFrame) -> int | None:
    if frame.colorspace != UNSPECIFIED or frame.format.name.startswith(("rgb", "bgr", "gbr", "pal", "gray")):
        return None
    if frame.color_trc in TRANSFERS:
        return Colorspace.BT2020
    return Colorspace.ITU709 if frame.height >= HD_LINES else Colorspace.ITU601


def _over_white(picture: npt.NDArray[np.uint8]) -> RGB:
    colour, alpha = picture[..., :3].astype(np.uint16), picture[..., 3:].astype(np.uint16)
    return ((colour * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)
