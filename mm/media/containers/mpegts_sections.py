"""Concatenated MPEG-TS: sections with a clock each, mapped to one continuous clock.

A section keeps the offsets between its video and its audio; it begins when all streams of the
section before it have ended.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from mm.media.containers.mpegts_clock import TICKS, nearest_difference

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from mm.media.containers.mpegts_clock import Discontinuity
    from mm.media.containers.streams import AvPacket

MAX_DTS_STEP = 10 * TICKS
"""Decoding times of a stream that step forward by more than this, or back, belong to another
clock."""
AUDIO_INTERVAL = TICKS  # ticks between two seek points of an audio stream


@dataclass(frozen=True, slots=True)
class Section:
    """`first` is the earliest timestamp of the section, `shown` the same on the continuous clock.

    Both are in ticks. The continuous clock is that of the first section.
    """

    first: int
    shown: int

    def to_continuous(self, ticks: int) -> int:
        """Convert a timestamp of the section to the continuous clock."""
        return self.shown + nearest_difference(ticks - self.first)


@dataclass(frozen=True, slots=True)
class SectionMap:
    """`edges`: for each stream, the position of its first packet in each section but the first.

    `seek_points`: for each stream, ascending times on the continuous clock, and the positions of
    the packets that reading can start from.
    """

    sections: Sequence[Section]
    edges: Mapping[int, Sequence[int]]
    seek_points: Mapping[int, tuple[Sequence[int], Sequence[int]]]

    def section_at(self, stream: int, position: int) -> int:
        """Number of the section of the packet of `stream` at this byte position."""
        return bisect_right(self.edges.get(stream, ()), position)

    def find_position(self, stream: int, time: Fraction) -> int | None:
        """Byte position to read from for `time`; None for the start of the file."""
        times, positions = self.seek_points.get(stream, ((), ()))
        number = bisect_right(times, int(time * TICKS))
        return positions[number - 1] if number else None


class SectionTimestamps:
    """Rewrites the timestamps of the packets of one pass to the continuous clock."""

    def __init__(self, section_map: SectionMap, position: int = 0) -> None:
        self._map, self._position = section_map, position
        self._current: dict[int, int] = {}  # section of each stream

    def rewrite(self, packet: AvPacket) -> bool:
        """Rewrite the timestamps of a packet; return True where its decoder must be flushed.

        That is where a new section of the stream begins.
        """
        stream = packet.stream.index
        before = self._current.get(stream)
        position = packet.pos
        if position is None or position < 0:  # it began in the same bytes as the packet before it
            section = self._map.section_at(stream, self._position) if before is None else before
        else:
            section = self._map.section_at(stream, position)
        self._current[stream] = section
        if packet.pts is not None:
            packet.pts = self._map.sections[section].to_continuous(packet.pts)
        if packet.dts is not None:
            packet.dts = self._map.sections[section].to_continuous(packet.dts)
        return before is not None and section != before


def map_sections(discontinuities: Sequence[Discontinuity], packets: Iterable[tuple[AvPacket, Fraction]]) -> SectionMap:
    """Map the sections of a file from all its packets and their durations in seconds."""
    builder = _SectionMapBuilder(discontinuities)
    for packet, duration in packets:
        builder.add(packet, round(duration * TICKS))
    return builder.build()


@dataclass(slots=True)
class _TimeRange:
    """Timestamps of a section. `reference` is any of them, against which wraps are resolved."""

    reference: int
    first: int
    end: int


class _SectionMapBuilder:
    """Collects edges, time ranges and seek points in one pass over all packets."""

    def __init__(self, discontinuities: Sequence[Discontinuity]) -> None:
        self._discontinuities = discontinuities
        self._edges: dict[int, list[int]] = {}
        self._last_dts: dict[int, int] = {}
        self._ranges: list[_TimeRange | None] = [None] * (len(discontinuities) + 1)  # one per section
        self._seek_points: dict[int, list[tuple[int, int, int]]] = {}  # of a stream: section, ticks, position

    def add(self, packet: AvPacket, duration: int) -> None:
        if packet.dts is None or packet.pts is None:
            return
        stream, position = packet.stream.index, packet.pos
        edges, last = self._edges.setdefault(stream, []), self._last_dts.get(stream)
        self._last_dts[stream] = packet.dts
        if position is not None and position >= 0:
            while len(edges) < len(self._discontinuities) and self._is_after(
                self._discontinuities[len(edges)], position, packet.dts, last
            ):
                edges.append(position)
        section = len(edges)
        self._extend_range(section, packet.pts, duration)
        if position is not None and position >= 0:
            self._add_seek_point(packet, section, position)

    def _is_after(self, discontinuity: Discontinuity, position: int, dts: int, last: int | None) -> bool:
        """Whether a packet uses the new clock.

        Between the two clock references around a discontinuity, the stream's own decoding time
        decides.
        """
        if position >= discontinuity.after or position <= discontinuity.before:
            return position >= discontinuity.after
        return last is not None and not 0 <= nearest_difference(dts - last) <= MAX_DTS_STEP

    def _extend_range(self, section: int, ticks: int, duration: int) -> None:
        extent = self._ranges[section]
        if extent is None:
            self._ranges[section] = _TimeRange(ticks, ticks, ticks + duration)
            return
        start = extent.reference + nearest_difference(ticks - extent.reference)
        extent.first, extent.end = min(extent.first, start), max(extent.end, start + duration)

    def _add_seek_point(self, packet: AvPacket, section: int, position: int) -> None:
        assert packet.pts is not None
        points = self._seek_points.setdefault(packet.stream.index, [])
        is_audio = packet.stream.type == "audio"
        if is_audio and points and points[-1][0] == section and nearest_difference(packet.pts - points[-1][1]) < AUDIO_INTERVAL:
            return
        if packet.is_keyframe:
            points.append((section, packet.pts, position))

    def build(self) -> SectionMap:
        sections: list[Section] = []
        end: int | None = None
        for extent in self._ranges:
            if extent is None:  # no packets of the selected streams
                sections.append(Section(0, 0) if end is None else Section(end, end))
                continue
            shown = extent.first if end is None else end
            sections.append(Section(extent.first, shown))
            end = shown + extent.end - extent.first
        seek_points = {}
        for stream, points in self._seek_points.items():
            ordered = sorted((sections[section].to_continuous(ticks), position) for section, ticks, position in points)
            seek_points[stream] = [time for time, _ in ordered], [position for _, position in ordered]
        return SectionMap(sections, self._edges, seek_points)
