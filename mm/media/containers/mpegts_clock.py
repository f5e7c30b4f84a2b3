"""Clock discontinuities of an MPEG-TS file, by its program clock references.

ISO 13818-1, 2.4.3.5. Nothing is decoded.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
import numpy.typing as npt

from mm.media.containers.sniff import HEAD_BYTES, PACKET_SIZES, find_packet_layout

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TICKS = 90_000
"""Ticks of a clock reference per second."""
WRAP = 1 << 33
MAX_STEP = 10 * TICKS
"""Two neighbouring references further apart belong to two clocks; the standard requires ten per
second."""
FIRST_PACKETS, MAX_PACKETS = 1 << 6, 1 << 15  # read at once
MAX_SEARCH_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class Discontinuity:
    """The clock changes between two packets, whose byte positions these are."""

    before: int
    after: int


def nearest_difference(ticks: int) -> int:
    """Resolve the wrap of a difference of two timestamps, which count modulo 2^33."""
    return (ticks + WRAP // 2) % WRAP - WRAP // 2


def find_discontinuities(file: BinaryIO, pids: frozenset[int], heartbeat: Callable[[], None]) -> list[Discontinuity]:
    """Discontinuities of the clock of one of the streams `pids`, else of the most frequent one."""
    references: dict[int, list[npt.NDArray[np.int64]]] = {}
    for positions, packets in _read_aligned(file):
        heartbeat()
        # Bit 5 of the fourth byte: an adaptation field; bit 4 of its flags: a reference, in the six
        # bytes that follow.
        has = (packets[:, 0] == 0x47) & (packets[:, 3] & 0x20 > 0) & (packets[:, 4] >= 7) & (packets[:, 5] & 0x10 > 0)
        where, fields = positions[has], packets[has, :11].astype(np.int64)
        pids_N = (fields[:, 1] & 0x1F) << 8 | fields[:, 2]
        base = fields[:, 6] << 25 | fields[:, 7] << 17 | fields[:, 8] << 9 | fields[:, 9] << 1 | fields[:, 10] >> 7
        for pid in set(pids_N.tolist()):
            references.setdefault(pid, []).append(np.stack([where[pids_N == pid], base[pids_N == pid]]))
    if not references:
        return []
    clocks = {pid: np.concatenate(blocks, axis=1) for pid, blocks in references.items()}
    candidates = [pid for pid in clocks if pid in pids] or list(clocks)
    where, base = clocks[max(candidates, key=lambda pid: clocks[pid].shape[1])]
    return _discontinuities(where, base)


def _discontinuities(positions: npt.NDArray[np.int64], base: npt.NDArray[np.int64]) -> list[Discontinuity]:
    """Positions at which a reference does not follow the one before it.

    A single reference that fits neither neighbour, while these fit each other, is damage.
    """
    breaks: list[int] = []  # numbers of the first reference of each new clock
    for number in (np.flatnonzero(~_follows(base[:-1], base[1:])) + 1).tolist():
        if breaks and breaks[-1] == number - 1 and _follows(base[number - 2], base[number]):
            breaks.pop()
        else:
            breaks.append(number)
    return [Discontinuity(int(positions[number - 1]), int(positions[number])) for number in breaks]


def _follows(before: npt.NDArray[np.int64], after: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    return (after - before) % WRAP <= MAX_STEP


def _read_aligned(file: BinaryIO) -> Iterator[tuple[npt.NDArray[np.int64], npt.NDArray[np.uint8]]]:
    """Blocks of whole packets: their positions as libavformat reports them, and their bytes.

    The bytes begin at the sync byte. Where alignment is lost, it is searched for again; files that
    lose it often are read in small blocks.
    """
    position = 0
    while (layout := _find_alignment(file, position)) is not None:
        size, position = layout
        count, aligned = FIRST_PACKETS, FIRST_PACKETS
        while aligned == count:
            file.seek(position)
            data = np.frombuffer(file.read(size * count), np.uint8)
            packets = data[: len(data) // size * size].reshape(-1, size)
            aligned = _count_aligned(packets)
            yield position - (size - PACKET_SIZES[0]) + size * np.arange(aligned, dtype=np.int64), packets[:aligned]
            position += aligned * size
            if aligned == len(packets) < count:
                return
            if aligned == count:
                count = aligned = min(2 * count, MAX_PACKETS)
        position += 1


def _find_alignment(file: BinaryIO, position: int) -> tuple[int, int] | None:
    """Packet size and position of the first packet from `position` on; None at the end.

    None also after as many bytes as libavformat searches.
    """
    for start in range(position, position + MAX_SEARCH_BYTES, HEAD_BYTES // 2):
        file.seek(start)
        head = file.read(HEAD_BYTES)
        layout = find_packet_layout(head)
        if layout is not None:
            return layout[0], start + layout[1]
        if len(head) < HEAD_BYTES:
            return None
    return None


def _count_aligned(packets: npt.NDArray[np.uint8]) -> int:
    """Number of packets before three in a row lack their sync byte."""
    lost = packets[:, 0] != 0x47
    rows = np.flatnonzero(lost[:-2] & lost[1:-1] & lost[2:]) if len(lost) > 2 else np.zeros(0, np.int64)
    return int(rows[0]) if len(rows) else len(packets)
