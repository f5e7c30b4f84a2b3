"""Chunks on the disk between the camera and the library: compressed frames as they arrived.

A chunk that is being recorded has the suffix `.recording`, a complete one `.chunk`. Each record has
a checksum, so that a chunk whose process was killed is read up to its last whole frame.
"""

from __future__ import annotations

import json
import os
import struct
import zlib
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from mm.errors import StorageFull
from mm.files import TEMPORARY, open_atomic
from mm.watch.stream.mp4 import CLOCK, Sample, write_mp4
from mm.watch.stream.parameter_sets import parameter_sets_in, parse_format, split_units

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mm.media.live import LiveCodec

RECORDING, COMPLETE, REFUSED = ".recording", ".chunk", ".refused"
RECORD = struct.Struct(">IIdq?")  # checksum of the rest, bytes, arrival, ticks, key
SYNC_SECONDS = 2.0
DEFAULT_TICKS = CLOCK // 25  # of a chunk of one frame


@dataclass(frozen=True, slots=True)
class ChunkHead:
    """What is known when a chunk begins."""

    codec: LiveCodec
    parameter_sets: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class SpooledFrame:
    """A frame of a chunk; `data` is Annex B."""

    time: float  # of arrival, seconds since 1970
    ticks: int  # of the clock of the camera, 90,000 a second, that does not wrap
    is_key: bool
    data: bytes


@dataclass(frozen=True, slots=True)
class ChunkInfo:
    """A complete chunk. `start` and `end` are seconds since 1970."""

    number: int
    path: Path
    start: float
    end: float
    num_frames: int


class ChunkWriter:
    """A chunk that is being recorded. Raises `StorageFull`."""

    def __init__(self, folder: Path, number: int, head: ChunkHead) -> None:
        self._path = folder / f"{number:08}{RECORDING}"
        handle = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        self._file: BinaryIO = os.fdopen(handle, "wb", buffering=0)
        self.num_bytes, self._synced = 0, 0.0
        sets = [unit.hex() for unit in head.parameter_sets]
        self._write(json.dumps({"codec": head.codec, "parameter_sets": sets}).encode() + b"\n")

    def add(self, frame: SpooledFrame) -> None:
        """Append a frame; it is on the disk within `SYNC_SECONDS` of further frames."""
        rest = RECORD.pack(0, len(frame.data), frame.time, frame.ticks, frame.is_key)[4:] + frame.data
        self._write(zlib.crc32(rest).to_bytes(4, "big") + rest)
        if not SYNC_SECONDS > frame.time - self._synced >= 0:
            os.fsync(self._file.fileno())
            self._synced = frame.time

    def close(self) -> Path:
        """Make the chunk complete, and return its path."""
        os.fsync(self._file.fileno())
        self._file.close()
        return self._path.rename(self._path.with_suffix(COMPLETE))

    def _write(self, data: bytes) -> None:
        try:
            written = 0
            while written < len(data):
                written += self._file.write(data[written:])
        except OSError as error:
            self._file.close()
            raise StorageFull(f"The chunk {self._path.name} cannot be written: {error.strerror}.") from error
        self.num_bytes += len(data)


def recover(folder: Path) -> None:
    """Make the chunks complete whose process was killed; one without a whole frame is deleted.

    Files that were written for an upload are deleted, too: they are written again.
    """
    for pattern in ("*.mp4", f".*{TEMPORARY}"):
        for path in folder.glob(pattern):
            path.unlink()
    for path in folder.glob(f"*{RECORDING}"):
        if next(iter(read_frames(path)), None) is None:
            path.unlink()
        else:
            path.rename(path.with_suffix(COMPLETE))


def last_number(folder: Path) -> int:
    """The largest number of a chunk of the folder, refused ones included; 0 without one."""
    suffixes = (RECORDING, COMPLETE, REFUSED)
    return max((int(path.stem) for path in folder.iterdir() if path.suffix in suffixes), default=0)


def list_chunks(folder: Path) -> list[Path]:
    """Complete chunks that are to be sent, in their order."""
    return sorted(folder.glob(f"*{COMPLETE}"))


def read_head(path: Path) -> ChunkHead:
    """Raises `ValueError` for a file that is no chunk."""
    with path.open("rb") as file:
        head = json.loads(file.readline())
    return ChunkHead(head["codec"], tuple(bytes.fromhex(unit) for unit in head["parameter_sets"]))


def read_frames(path: Path) -> Iterator[SpooledFrame]:
    """The whole frames of a chunk, up to one that is cut off or damaged."""
    with path.open("rb") as file:
        if not file.readline().endswith(b"\n"):
            return
        while len(record := file.read(RECORD.size)) == RECORD.size:
            checksum, size, time, ticks, is_key = RECORD.unpack(record)
            data = file.read(size)
            if len(data) < size or zlib.crc32(data, zlib.crc32(record[4:])) != checksum:
                return
            yield SpooledFrame(time, ticks, is_key, data)


def measure_chunk(path: Path) -> ChunkInfo:
    """The times of a chunk with at least one frame. Raises `ValueError` for an empty one."""
    first, last, count, ticks = None, 0, 0, list[int]()
    with closing(read_frames(path)) as frames:  # type: ignore[type-var]
        for frame in frames:
            first = first or frame
            last, count = max(last, frame.ticks) if count else frame.ticks, count + 1
            ticks.append(frame.ticks)
    if first is None:
        raise ValueError(f"{path.name} has no whole frame")
    seconds = (last - min(ticks) + _last_ticks(ticks)) / CLOCK
    return ChunkInfo(int(path.stem), path, first.time, first.time + seconds, count)


def measure_chunks(folder: Path) -> Iterator[ChunkInfo]:
    """The times of the complete chunks, without those that a sender deletes meanwhile."""
    for path in list_chunks(folder):
        with suppress(FileNotFoundError):
            yield measure_chunk(path)


def write_chunk(path: Path, target: Path, started: datetime, name: str) -> None:
    """Write a chunk as an MP4 file. Raises `MediaError` when its description cannot be read."""
    head = read_head(path)
    video = parse_format(head.codec, head.parameter_sets, name)
    samples = [
        Sample(len(_to_sample(head, frame.data)), frame.ticks, frame.is_key) for frame in read_frames(path)
    ]  # fmt: skip
    frames = (_to_sample(head, frame.data) for frame in read_frames(path))
    with open_atomic(target, durable=False) as file:
        write_mp4(file, video, samples, frames, started, _last_ticks([sample.time for sample in samples]))


def _to_sample(head: ChunkHead, data: bytes) -> bytes:
    """Units with their length, without those that the header of the file has."""
    units = split_units(data)
    known = set(parameter_sets_in(head.codec, units)) & set(head.parameter_sets)
    return b"".join(len(unit).to_bytes(4, "big") + unit for unit in units if unit not in known)


def _last_ticks(ticks: list[int]) -> int:
    """How long the last frame is shown: the mean time from frame to frame."""
    return (max(ticks) - min(ticks)) // (len(ticks) - 1) if len(ticks) > 1 else DEFAULT_TICKS
