"""Writes an MP4 file of compressed frames (ISO 14496-12), its index before the frames.

No frame is changed. The time of the recording is in the header, to the second and in UTC, and with
its offset in the key `com.apple.quicktime.creationdate` (Apple, QuickTime File Format, metadata).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby, pairwise
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from mm.watch.stream.parameter_sets import StreamFormat

CLOCK = 90_000  # ticks a second, as in RTP
EPOCH = datetime(1904, 1, 1, tzinfo=UTC)  # 8.2.2
MATRIX = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
MAX_OFFSET = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class Sample:
    """A frame in decoding order."""

    size: int  # bytes in the file
    time: int  # at which it is shown, in ticks of `CLOCK`; the first shown frame need not be at 0
    is_key: bool


def write_mp4(
    file: BinaryIO, video: StreamFormat, samples: Sequence[Sample], data: Iterable[bytes], started: datetime, last_ticks: int
) -> None:
    """Write a file. `data` are the frames in the order of `samples`, units with their length.

    `started` is aware; the last frame is shown for `last_ticks`.
    """
    shown = sorted(sample.time for sample in samples)
    origin = shown[0]
    decoded = [max(time - origin, number) for number, time in enumerate(shown)]  # one tick at least from frame to frame
    durations = [max(after - before, 1) for before, after in pairwise(decoded)] + [max(last_ticks, 1)]
    offsets = [sample.time - origin - time for sample, time in zip(samples, decoded, strict=True)]
    total = sum(durations)
    head = _box(b"ftyp", b"isom", struct.pack(">I", 0x200), b"isomiso6mp41")
    tables = [
        _full(b"stsd", 0, 0, struct.pack(">I", 1), _sample_entry(video)),
        _full(b"stts", 0, 0, _runs(durations, ">II")),
        *([_full(b"ctts", 1, 0, _runs(offsets, ">Ii"))] if any(offsets) else []),
        _full(b"stss", 0, 0, _array([number + 1 for number, sample in enumerate(samples) if sample.is_key])),
        _full(b"stsc", 0, 0, struct.pack(">IIII", 1, 1, len(samples), 1)),
        _full(b"stsz", 0, 0, struct.pack(">I", 0), _array([sample.size for sample in samples])),
    ]
    size = len(_movie(video, tables, total, started, 0))
    num_bytes = sum(sample.size for sample in samples)
    file.write(head + _movie(video, tables, total, started, len(head) + size + 16))
    file.write(struct.pack(">I4sQ", 1, b"mdat", 16 + num_bytes))
    for frame in data:
        file.write(frame)


def _box(kind: bytes, *contents: bytes) -> bytes:
    body = b"".join(contents)
    return struct.pack(">I", 8 + len(body)) + kind + body


def _full(kind: bytes, version: int, flags: int, *contents: bytes) -> bytes:
    return _box(kind, struct.pack(">I", version << 24 | flags), *contents)


def _array(values: Sequence[int]) -> bytes:
    return struct.pack(f">I{len(values)}I", len(values), *values)


def _runs(values: Sequence[int], layout: str) -> bytes:
    """Runs of equal values, each with its length."""
    runs = [(len(list(group)), value) for value, group in groupby(values)]
    return struct.pack(">I", len(runs)) + b"".join(struct.pack(layout, count, value) for count, value in runs)


def _movie(video: StreamFormat, tables: Sequence[bytes], total: int, started: datetime, offset: int) -> bytes:
    created = int((started.astimezone(UTC) - EPOCH).total_seconds())
    movie = _full(
        b"mvhd", 1, 0, struct.pack(">QQIQIHHQ", created, created, CLOCK, total, 0x10000, 0x100, 0, 0), MATRIX, bytes(24),
        struct.pack(">I", 2),
    )  # fmt: skip
    side = struct.pack(">II", video.width << 16, video.height << 16)
    track = _full(
        b"tkhd", 1, 7, struct.pack(">QQIIQQHHHH", created, created, 1, 0, total, 0, 0, 0, 0, 0), MATRIX, side
    )  # fmt: skip
    media = _box(
        b"mdia",
        _full(b"mdhd", 1, 0, struct.pack(">QQIQHH", created, created, CLOCK, total, 0x55C4, 0)),
        _full(b"hdlr", 0, 0, struct.pack(">I4s", 0, b"vide"), bytes(12), b"\0"),
        _box(
            b"minf",
            _full(b"vmhd", 0, 1, bytes(8)),
            _box(b"dinf", _full(b"dref", 0, 0, struct.pack(">I", 1), _full(b"url ", 0, 1))),
            _box(b"stbl", *tables, _full(b"co64", 0, 0, struct.pack(">IQ", 1, offset))),
        ),
    )
    return _box(b"moov", movie, _box(b"trak", track, media), _metadata({"creationdate": _format_time(started)}))


def _format_time(time: datetime) -> str:
    return time.isoformat(timespec="milliseconds")


def _metadata(values: dict[str, str]) -> bytes:
    keys = [f"com.apple.quicktime.{key}".encode() for key in values]
    items = [
        struct.pack(">II", 8 + 16 + len(text), number) + _box(b"data", struct.pack(">II", 1, 0), text)
        for number, text in enumerate((value.encode() for value in values.values()), 1)
    ]
    return _box(
        b"meta",
        _full(b"hdlr", 0, 0, struct.pack(">I4s", 0, b"mdta"), bytes(12), b"\0"),
        _full(b"keys", 0, 0, struct.pack(">I", len(keys)), *(_box(b"mdta", key) for key in keys)),
        _box(b"ilst", *items),
    )


def _sample_entry(video: StreamFormat) -> bytes:
    kind, configuration = (b"avc1", b"avcC") if video.codec == "h264" else (b"hvc1", b"hvcC")
    return _box(
        kind,
        bytes(6), struct.pack(">H", 1), bytes(16), struct.pack(">HH", video.width, video.height),
        struct.pack(">IIIH", 0x480000, 0x480000, 0, 1), bytes(32), struct.pack(">Hh", 24, -1),
        _box(configuration, video.configuration),
    )  # fmt: skip
