"""RTP packets (RFC 3550) to access units of H.264 (RFC 6184) and H.265 (RFC 7798)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mm.errors import MediaError

if TYPE_CHECKING:
    from mm.media.live import LiveCodec

START_CODE = b"\0\0\0\1"
MAX_UNIT_BYTES = 16 << 20
H264_SINGLE, H264_AGGREGATE, H264_FRAGMENT, H264_KEY = range(1, 24), 24, 28, frozenset({5})
H265_AGGREGATE, H265_FRAGMENT, H265_KEY = 48, 49, frozenset(range(16, 24))


@dataclass(frozen=True, slots=True)
class RtpPacket:
    """One packet of a stream."""

    payload_type: int
    sequence: int
    timestamp: int
    is_marked: bool  # the last packet of an access unit
    payload: bytes


@dataclass(frozen=True, slots=True)
class AccessUnit:
    """The data of one frame, Annex B. Decoding may start at a unit that `is_key`."""

    data: bytes
    is_key: bool
    timestamp: int = 0  # of the stream: 32 bits, 90,000 a second, from any start


def parse_packet(data: bytes) -> RtpPacket | None:
    """Parse a packet; None when it is malformed or of another version."""
    if len(data) < 12 or data[0] >> 6 != 2:
        return None
    start = 12 + 4 * (data[0] & 15)
    if data[0] & 16:
        if len(data) < start + 4:
            return None
        start += 4 + 4 * int.from_bytes(data[start + 2 : start + 4], "big")
    end = len(data) - (data[-1] if data[0] & 32 else 0)
    if end < start:
        return None
    sequence, timestamp = int.from_bytes(data[2:4], "big"), int.from_bytes(data[4:8], "big")
    return RtpPacket(data[1] & 127, sequence, timestamp, bool(data[1] & 128), data[start:end])


@dataclass(slots=True)
class Depacketizer:
    """Joins packets to access units.

    After a lost packet, units are left out up to the next key unit: a decoder would conceal the
    loss, and an inspector would see a part that does not exist.
    """

    codec: LiveCodec
    name: str
    num_lost: int = 0
    """Units that were left out."""
    _units: list[bytes] = field(default_factory=list)
    _fragment: bytearray | None = None
    _size: int = 0
    _is_key: bool = False
    _is_damaged: bool = False
    _waits_for_key: bool = True
    _sequence: int | None = None
    _timestamp: int | None = None

    def push(self, packet: RtpPacket) -> list[AccessUnit]:
        """Return the units that the packet completes, none or one or two.

        Raises `MediaError` for a mode of packetization that was not negotiated.
        """
        complete = []
        if self._sequence is not None and packet.sequence != (self._sequence + 1) & 0xFFFF:
            self._is_damaged, self._fragment = True, None
        self._sequence = packet.sequence
        if self._timestamp is not None and packet.timestamp != self._timestamp and self._size:
            complete += self._finish()
        self._timestamp = packet.timestamp
        if packet.payload:
            self._add_h264(packet.payload) if self.codec == "h264" else self._add_h265(packet.payload)
        if packet.is_marked:
            complete += self._finish()
        return complete

    def _finish(self) -> list[AccessUnit]:
        unit = AccessUnit(b"".join(START_CODE + nal for nal in self._units), self._is_key, self._timestamp or 0)
        is_broken = self._is_damaged or self._fragment is not None or self._size > MAX_UNIT_BYTES
        self._units, self._fragment, self._size, self._is_key, self._is_damaged = [], None, 0, False, False
        if is_broken:
            self._waits_for_key = True
        if not unit.data or is_broken or (self._waits_for_key and not unit.is_key):
            self.num_lost += 1
            return []
        self._waits_for_key = False
        return [unit]

    def _add_h264(self, payload: bytes) -> None:
        kind = payload[0] & 31
        if kind in H264_SINGLE:
            self._add(payload, kind in H264_KEY)
        elif kind == H264_AGGREGATE:
            for nal in _split(payload[1:]):
                self._add(nal, nal[0] & 31 in H264_KEY)
        elif kind == H264_FRAGMENT and len(payload) > 2:
            inner = payload[1] & 31
            self._add_fragment(bytes([payload[0] & 0xE0 | inner]), payload[1], payload[2:], inner in H264_KEY)
        elif kind != H264_FRAGMENT:
            raise MediaError(
                self.name, "unsupported", f"its packets of type {kind} (RFC 6184, interleaved mode) are not accepted"
            )

    def _add_h265(self, payload: bytes) -> None:
        kind = payload[0] >> 1 & 63
        if kind == H265_AGGREGATE:
            for nal in _split(payload[2:]):
                self._add(nal, nal[0] >> 1 & 63 in H265_KEY)
        elif kind == H265_FRAGMENT and len(payload) > 3:
            inner = payload[2] & 63
            self._add_fragment(bytes([payload[0] & 0x81 | inner << 1, payload[1]]), payload[2], payload[3:], inner in H265_KEY)
        elif kind < H265_AGGREGATE and len(payload) > 2:
            self._add(payload, kind in H265_KEY)

    def _add_fragment(self, header: bytes, flags: int, data: bytes, is_key: bool) -> None:
        if flags & 0x80:
            self._fragment = bytearray(header)
        if self._fragment is None:  # its start was lost
            self._is_damaged = True
            return
        self._size += len(data)
        if self._size <= MAX_UNIT_BYTES:
            self._fragment += data
        if flags & 0x40:
            fragment, self._fragment = bytes(self._fragment), None
            self._size -= len(fragment)
            self._add(fragment, is_key)

    def _add(self, nal: bytes, is_key: bool) -> None:
        self._size += len(nal)
        self._is_key |= is_key
        if self._size <= MAX_UNIT_BYTES:
            self._units.append(nal)


def _split(data: bytes) -> list[bytes]:
    """The units of an aggregation packet, each after its size in two bytes."""
    units, position = [], 0
    while position + 2 < len(data):
        size = int.from_bytes(data[position : position + 2], "big")
        position += 2
        if size and position + size <= len(data):
            units.append(data[position : position + size])
        position += size
    return units
