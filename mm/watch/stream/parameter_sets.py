"""Parameter sets of H.264 (ITU-T H.264, 7.3.2) and H.265 (ITU-T H.265, 7.3.2): size and profile.

Only what the header of an MP4 file needs is read. Sources: ISO 14496-15, 5.3.3 and 8.3.3.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mm.errors import MediaError
from mm.line.sources.rtsp.packets import START_CODE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mm.media.live import LiveCodec

H264_KINDS, H265_KINDS = (7, 8), (32, 33, 34)  # sequence, picture; video, sequence, picture
HIGH_PROFILES = frozenset({100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135})
MAX_SIDE = 16_384


@dataclass(frozen=True, slots=True)
class StreamFormat:
    """What a decoder needs before the first frame."""

    codec: LiveCodec
    width: int  # pixels
    height: int
    configuration: bytes  # the contents of the box `avcC` or `hvcC`


class _Bits:
    """Reads the bits of a unit without its emulation prevention (7.3.1)."""

    def __init__(self, nal: bytes) -> None:
        payload = nal.replace(b"\0\0\3", b"\0\0")
        self._value, self._left = int.from_bytes(payload), 8 * len(payload)

    def read(self, count: int) -> int:
        if count > self._left:
            raise ValueError("the unit is too short")
        self._left -= count
        return (self._value >> self._left) & ((1 << count) - 1)

    def unsigned(self) -> int:
        """Exp-Golomb code (9.1)."""
        zeros = 0
        while not self.read(1):
            zeros += 1
            if zeros > 31:
                raise ValueError("a code is too long")
        return (1 << zeros) - 1 + self.read(zeros)

    def signed(self) -> int:
        value = self.unsigned()
        return (value + 1) // 2 if value & 1 else -(value // 2)


def split_units(data: bytes) -> list[bytes]:
    """The units of Annex B data with start codes of four bytes."""
    return [unit for unit in data.split(START_CODE) if unit]


def unit_kind(codec: LiveCodec, unit: bytes) -> int:
    """The type of a unit."""
    return unit[0] & 31 if codec == "h264" else unit[0] >> 1 & 63


def parameter_sets_in(codec: LiveCodec, units: Iterable[bytes]) -> tuple[bytes, ...]:
    """The parameter sets among units, once each, in their order of kinds."""
    kinds = H264_KINDS if codec == "h264" else H265_KINDS
    found = dict.fromkeys(unit for unit in units if unit_kind(codec, unit) in kinds)
    return tuple(sorted(found, key=lambda unit: unit_kind(codec, unit)))


def has_all_kinds(codec: LiveCodec, sets: Iterable[bytes]) -> bool:
    """Whether there is a parameter set of each kind."""
    return {unit_kind(codec, unit) for unit in sets} >= set(H264_KINDS if codec == "h264" else H265_KINDS)


def parse_format(codec: LiveCodec, sets: tuple[bytes, ...], name: str) -> StreamFormat:
    """Read the size, and describe the stream. Raises `MediaError` for what cannot be read."""
    try:
        read = _parse_h264 if codec == "h264" else _parse_h265
        width, height, configuration = read(sets)
    except (ValueError, IndexError, StopIteration, OverflowError) as error:
        raise MediaError(name, "unreadable", "the description of its video cannot be read") from error
    if not (0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE):
        raise MediaError(name, "too-large", f"its video has {width} x {height} pixels; at most {MAX_SIDE:,} a side are accepted")
    return StreamFormat(codec, width, height, configuration)


def _parse_h264(sets: tuple[bytes, ...]) -> tuple[int, int, bytes]:
    sequences, pictures = ([unit for unit in sets if unit[0] & 31 == kind] for kind in H264_KINDS)
    bits = _Bits(sequences[0][1:])
    profile, _, _ = bits.read(8), bits.read(8), bits.read(8)
    bits.unsigned()
    chroma, extension = 1, b""
    if profile in HIGH_PROFILES:
        chroma = bits.unsigned()
        if chroma == 3:
            bits.read(1)
        extension = bytes([0xFC | chroma, 0xF8 | bits.unsigned(), 0xF8 | bits.unsigned(), 0])
        bits.read(1)
        if bits.read(1):
            for number in range(8 if chroma != 3 else 12):
                if bits.read(1):
                    _skip_scaling(bits, 16 if number < 6 else 64)
    bits.unsigned()
    order = bits.unsigned()
    if order == 0:
        bits.unsigned()
    elif order == 1:
        bits.read(1)
        bits.signed()
        bits.signed()
        for _ in range(bits.unsigned()):
            bits.signed()
    bits.unsigned()
    bits.read(1)
    width, height = 16 * (bits.unsigned() + 1), 16 * (bits.unsigned() + 1)
    is_frame = bits.read(1)
    if not is_frame:
        height *= 2
        bits.read(1)
    bits.read(1)
    if bits.read(1):
        left, right, top, bottom = (bits.unsigned() for _ in range(4))
        unit_x = 2 if chroma in (1, 2) else 1
        unit_y = (2 if chroma == 1 else 1) * (2 - is_frame)
        width, height = width - unit_x * (left + right), height - unit_y * (top + bottom)
    configuration = bytes([1, *sequences[0][1:4], 0xFF, 0xE0 | len(sequences)])
    configuration += b"".join(len(unit).to_bytes(2, "big") + unit for unit in sequences)
    configuration += bytes([len(pictures)]) + b"".join(len(unit).to_bytes(2, "big") + unit for unit in pictures)
    return width, height, configuration + extension


def _skip_scaling(bits: _Bits, count: int) -> None:
    """A scaling list (7.3.2.1.1.1)."""
    last, following = 8, 8
    for _ in range(count):
        if following:
            following = (last + bits.signed()) % 256
        last = following or last


def _parse_h265(sets: tuple[bytes, ...]) -> tuple[int, int, bytes]:
    sequence = next(unit for unit in sets if unit_kind("hevc", unit) == 33)
    bits = _Bits(sequence[2:])
    bits.read(4)
    num_layers = bits.read(3) + 1
    nested = bits.read(1)
    general = bits.read(88).to_bytes(11)
    level = bits.read(8)
    present = [(bits.read(1), bits.read(1)) for _ in range(num_layers - 1)]
    if num_layers > 1:
        bits.read(2 * (8 - (num_layers - 1)))
    for has_profile, has_level in present:
        bits.read(88 * has_profile + 8 * has_level)
    bits.unsigned()
    chroma = bits.unsigned()
    if chroma == 3:
        bits.read(1)
    width, height = bits.unsigned(), bits.unsigned()
    if bits.read(1):
        left, right, top, bottom = (bits.unsigned() for _ in range(4))
        unit_x, unit_y = (2 if chroma in (1, 2) else 1), (2 if chroma == 1 else 1)
        width, height = width - unit_x * (left + right), height - unit_y * (top + bottom)
    luma_bits, chroma_bits = bits.unsigned(), bits.unsigned()
    configuration = (
        bytes([1]) + general + bytes([level, 0xF0, 0, 0xFC, 0xFC | chroma, 0xF8 | luma_bits, 0xF8 | chroma_bits, 0, 0])
    )
    configuration += bytes([num_layers << 3 | nested << 2 | 3, len(H265_KINDS)])
    for kind in H265_KINDS:
        units = [unit for unit in sets if unit_kind("hevc", unit) == kind]
        configuration += bytes([0x80 | kind]) + len(units).to_bytes(2, "big")
        configuration += b"".join(len(unit).to_bytes(2, "big") + unit for unit in units)
    return width, height, configuration
