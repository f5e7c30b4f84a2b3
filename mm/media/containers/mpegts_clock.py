"""Where the clock of an MPEG-TS file starts anew, by its program clock references (ISO 13818-1,
2.4.3.5); nothing is decoded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
import numpy.typing as npt

from mm.media.containers.sniff import HEAD_BYTES, PACKET_SIZES, find_packet_layout

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TICKS = 90_000
"""Of a clock reference a second."""
WRAP = 1 << 33
LONGEST_STEP = 10 * TICKS
"""Two neighbouring references further apart than this are of two clocks; the standard asks for ten
a second."""
FIRST_PACKETS, MOST_PACKETS = 1 << 6, 1 << 15  # read at once
GIVE_UP_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class Discontinuity:
    """Between two packets of the file, at these byte positions, one clock gives way to another."""

    before: int
    after: int


def wrapped(ticks: int) -> int:
    """A difference of two time stamps, which count to 2^33 and then start at 0, as the nearer of
    the two that it may be."""
    return (ticks + WRAP // 2) % WRAP - WRAP // 2


def find_discontinuities(file: BinaryIO, pids: frozenset[int], alive: Callable[[], None]) -> list[Discontinuity]:
    """Restarts of the clock that belongs to one of the streams `pids`, else of the one that is told
    most often."""
    found: dict[int, list[npt.NDArray[np.int64]]] = {}
    for at, packets in _aligned(file):
        alive()
        # Bit 5 of the fourth byte: an adaptation field; bit 4 of its flags: a reference, in the six
        # bytes that follow.
        has = (packets[:, 0] == 0x47) & (packets[:, 3] & 0x20 > 0) & (packets[:, 4] >= 7) & (packets[:, 5] & 0x10 > 0)
        where, fields = at[has], packets[has, :11].astype(np.int64)
        pid = (fields[:, 1] & 0x1F) << 8 | fields[:, 2]
        base = fields[:, 6] << 25 | fields[:, 7] << 17 | fields[:, 8] << 9 | fields[:, 9] << 1 | fields[:, 10] >> 7
        for one in set(pid.tolist()):
            found.setdefault(one, []).append(np.stack([where[pid == one], base[pid == one]]))
    if not found:
        return []
    clocks = {pid: np.concatenate(parts, axis=1) for pid, parts in found.items()}
    ours = [pid for pid in clocks if pid in pids] or list(clocks)
    positions, base = clocks[max(ours, key=lambda pid: clocks[pid].shape[1])]
    return _restarts(positions, base)


def _restarts(positions: npt.NDArray[np.int64], base: npt.NDArray[np.int64]) -> list[Discontinuity]:
    """Where a reference does not follow the one before it. One that fits neither neighbour, which
    fit each other, is damage."""
    breaks: list[int] = []  # numbers of the first reference of each new clock
    for number in (np.flatnonzero(~_follows(base[:-1], base[1:])) + 1).tolist():
        if breaks and breaks[-1] == number - 1 and _follows(base[number - 2], base[number]):
            breaks.pop()
        else:
            breaks.append(number)
    return [Discontinuity(int(positions[number - 1]), int(positions[number])) for number in breaks]


def _follows(before: npt.NDArray[np.int64], after: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    return (after - before) % WRAP <= LONGEST_STEP


def _aligned(file: BinaryIO) -> Iterator[tuple[npt.NDArray[np.int64], npt.NDArray[np.uint8]]]:
    """Blocks of whole packets: where libavformat says that each begins, and their bytes from the
    mark on.

    Where their rhythm is lost it is looked for anew; files that lose it again and again are read in
    small pieces.
    """
    position = 0
    while (layout := _rhythm(file, position)) is not None:
        size, position = layout
        count, kept = FIRST_PACKETS, FIRST_PACKETS
        while kept == count:
            file.seek(position)
            data = np.frombuffer(file.read(size * count), np.uint8)
            packets = data[: len(data) // size * size].reshape(-1, size)
            kept = _in_rhythm(packets)
            yield position - (size - PACKET_SIZES[0]) + size * np.arange(kept, dtype=np.int64), packets[:kept]
            position += kept * size
            if kept == len(packets) < count:
                return
            if kept == count:
                count = kept = min(2 * count, MOST_PACKETS)
        position += 1


def _rhythm(file: BinaryIO, position: int) -> tuple[int, int] | None:
    """Size of the packets from `position` on and where the first one begins; None where libavformat
    gives up too."""
    for start in range(position, position + GIVE_UP_BYTES, HEAD_BYTES // 2):
        file.seek(start)
        head = file.read(HEAD_BYTES)
        layout = find_packet_layout(head)
        if layout is not None:
            return layout[0], start + layout[1]
        if len(head) < HEAD_BYTES:
            return None
    return None


def _in_rhythm(packets: npt.NDArray[np.uint8]) -> int:
    """How many packets there are before three in a row lack their mark."""
    lost = packets[:, 0] != 0x47
    rows = np.flatnonzero(lost[:-2] & lost[1:-1] & lost[2:]) if len(lost) > 2 else np.zeros(0, np.int64)
    return int(rows[0]) if len(rows) else len(packets)
