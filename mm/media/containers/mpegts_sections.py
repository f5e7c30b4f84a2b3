"""Recordings joined end to end in one MPEG-TS: each part has a clock of its own, and all are shown
one after another.

A part keeps the distances between its pictures and its sound; it begins when all of the part in
front of it has ended.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from mm.media.containers.mpegts_clock import TICKS, wrapped

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from mm.media.containers.av_file import AvPacket
    from mm.media.containers.mpegts_clock import Discontinuity

STEP_AHEAD = 10 * TICKS  # a stream's decoding times that go further at once, or back, are of another clock
WAYMARK = TICKS  # ticks between two places from which sound is read


@dataclass(frozen=True, slots=True)
class Part:
    """`first` is its earliest time stamp, `shown` the same on the clock of the whole, that of the
    first part; in ticks."""

    first: int
    shown: int

    def place(self, ticks: int) -> int:
        return self.shown + wrapped(ticks - self.first)


@dataclass(frozen=True, slots=True)
class SectionMap:
    """`edges`: for each stream, the position of its first packet in every part but the first.
    `waymarks`: for each stream, times on the clock of the whole and positions of packets that
    reading can start from, ascending.
    """

    parts: Sequence[Part]
    edges: Mapping[int, Sequence[int]]
    waymarks: Mapping[int, tuple[Sequence[int], Sequence[int]]]

    def part_at(self, stream: int, position: int) -> int:
        """The number of the part that a packet of `stream` at this byte belongs to."""
        return bisect_right(self.edges.get(stream, ()), position)

    def position(self, stream: int, time: Fraction) -> int | None:
        """From where to read, so that what is shown at `time` comes; None: from the start."""
        times, positions = self.waymarks.get(stream, ((), ()))
        number = bisect_right(times, int(time * TICKS))
        return positions[number - 1] if number else None


class SectionTimestamps:
    """Puts the packets of one reading on the clock of the whole."""

    def __init__(self, joined: SectionMap, position: int = 0) -> None:
        self._joined, self._position = joined, position
        self._part: dict[int, int] = {}

    def place(self, packet: AvPacket) -> bool:
        """Change the packet's time stamps. True where its decoder has to start anew, because
        another part begins."""
        stream = packet.stream.index
        before = self._part.get(stream)
        position = packet.pos
        if position is None or position < 0:  # it began in the same bytes as the one before it
            part = self._joined.part_at(stream, self._position) if before is None else before
        else:
            part = self._joined.part_at(stream, position)
        self._part[stream] = part
        if packet.pts is not None:
            packet.pts = self._joined.parts[part].place(packet.pts)
        if packet.dts is not None:
            packet.dts = self._joined.parts[part].place(packet.dts)
        return before is not None and part != before


def find_sections(discontinuities: Sequence[Discontinuity], packets: Iterable[tuple[AvPacket, Fraction]]) -> SectionMap:
    """The parts of a file, from all its packets and the seconds that each is shown or heard."""
    survey = _Survey(discontinuities)
    for packet, length in packets:
        survey.add(packet, round(length * TICKS))
    return survey.joined()


class _Survey:
    """What one reading of all packets tells of the parts."""

    def __init__(self, discontinuities: Sequence[Discontinuity]) -> None:
        self._restarts = discontinuities
        self._edges: dict[int, list[int]] = {}
        self._last: dict[int, int] = {}
        self._times: list[tuple[int, int, int] | None] = [None] * (len(discontinuities) + 1)  # of a part: any, earliest, end
        self._marks: dict[int, list[tuple[int, int, int]]] = {}  # of a stream: part, ticks, position

    def add(self, packet: AvPacket, length: int) -> None:
        if packet.dts is None or packet.pts is None:
            return
        stream, position = packet.stream.index, packet.pos
        edges, last = self._edges.setdefault(stream, []), self._last.get(stream)
        self._last[stream] = packet.dts
        if position is not None and position >= 0:
            while len(edges) < len(self._restarts) and self._is_behind(self._restarts[len(edges)], position, packet.dts, last):
                edges.append(position)
        part = len(edges)
        self._stretch(part, packet.pts, length)
        if position is not None and position >= 0:
            self._mark(packet, part, position)

    def _is_behind(self, discontinuity: Discontinuity, position: int, ticks: int, last: int | None) -> bool:
        """Whether a packet is of the new clock. Between the two references that tell of it, the
        stream's own time decides."""
        if position >= discontinuity.after or position <= discontinuity.before:
            return position >= discontinuity.after
        return last is not None and not 0 <= wrapped(ticks - last) <= STEP_AHEAD

    def _stretch(self, part: int, ticks: int, length: int) -> None:
        times = self._times[part]
        if times is None:
            self._times[part] = ticks, ticks, ticks + length
            return
        some, first, end = times
        here = some + wrapped(ticks - some)
        self._times[part] = some, min(first, here), max(end, here + length)

    def _mark(self, packet: AvPacket, part: int, position: int) -> None:
        assert packet.pts is not None
        marks = self._marks.setdefault(packet.stream.index, [])
        if packet.stream.type == "audio" and marks and marks[-1][0] == part and wrapped(packet.pts - marks[-1][1]) < WAYMARK:
            return
        if packet.is_keyframe:
            marks.append((part, packet.pts, position))

    def joined(self) -> SectionMap:
        parts: list[Part] = []
        end: int | None = None
        for times in self._times:
            if times is None:  # nothing of our streams
                parts.append(Part(0, 0) if end is None else Part(end, end))
                continue
            _, first, last = times
            shown = first if end is None else end
            parts.append(Part(first, shown))
            end = shown + last - first
        waymarks = {}
        for stream, marks in self._marks.items():
            placed = sorted((parts[part].place(ticks), position) for part, ticks, position in marks)
            waymarks[stream] = [time for time, _ in placed], [position for _, position in placed]
        return SectionMap(parts, self._edges, waymarks)
