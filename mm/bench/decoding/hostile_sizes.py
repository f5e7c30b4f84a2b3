"""Memory and time of small files with large images, until they are read or refused."""

from __future__ import annotations

import io
import struct
import tempfile
import threading
import time
import zlib
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from mm.bench.meter import list_descendants
from mm.errors import MMError
from mm.media import MediaReader
from mm.media.types import Limits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SIDE = 10_900  # pixels: 118.8 million per image, just below the default of MM_MEDIA_PIXELS
MANY_BYTES = 9 << 20  # size of a GIF with many frames
POLL_SECONDS = 0.02
LONGEST = 427


@dataclass(frozen=True, slots=True)
class FileUsage:
    """Resources of one file; `peak` is the largest resident set of a child, in bytes."""

    name: str
    size: int
    result: str
    seconds: float
    peak: int


def run(limits: Limits) -> Iterator[str]:
    """Table rows, one per file."""
    yield "| file | bytes | result | seconds | peak MB of a child |"
    yield "| --- | --- | --- | --- | --- |"
    for usage in measure_peak_memory(limits):
        result = usage.result.partition(": ")[2] or usage.result
        yield f"| {usage.name} | {usage.size:,} | {result} | {usage.seconds:.1f} | {usage.peak / 1e6:.0f} |"


def measure_peak_memory(limits: Limits, side: int = SIDE, many_bytes: int = MANY_BYTES) -> Iterator[FileUsage]:
    """Probe each file and decode an image of it, in separate children."""
    makers: dict[str, Callable[[], bytes]] = {
        "flat.png": lambda: _png(side, 8),
        "flat-16-bit.png": lambda: _png(side, 16),
        "flat.tiff": lambda: _tiff(side),
        "one-frame.gif": lambda: _gif(side, 1),
        "two-frames.gif": lambda: _gif(side, 2),
        "many-frames.gif": lambda: _gif(side, max(many_bytes // len(_gif(side, 1)), 3)),
        "tiny-frames.gif": lambda: _gif(side, 1, tiny=many_bytes // len(TINY_FRAME)),
    }
    with tempfile.TemporaryDirectory() as folder:
        for name, make in makers.items():
            path = Path(folder) / name
            path.write_bytes(make())
            with MediaReader(limits) as reader:
                reader.active_layers()  # starts the fork server
                start = time.monotonic()
                with PeakOfChildren() as peak:
                    result = _read(reader, path)
                yield FileUsage(name, path.stat().st_size, result, time.monotonic() - start, peak.bytes)
            path.unlink()


def _read(reader: MediaReader, path: Path) -> str:
    try:
        reader.probe(path, path.name)
        reader.image(path, path.name, longest=LONGEST)
    except MMError as error:
        return str(error)
    return "read"


class PeakOfChildren:
    """`bytes` is the largest resident set (VmHWM, proc(5)) of a descendant within the block."""

    def __init__(self) -> None:
        self.bytes = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> PeakOfChildren:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        self._thread.join()

    def _sample(self) -> None:
        while not self._stop.wait(POLL_SECONDS):
            for pid in list_descendants():
                with suppress(OSError, IndexError):
                    status = Path(f"/proc/{pid}/status").read_text()
                    self.bytes = max(self.bytes, int(status.split("VmHWM:")[1].split()[0]) * 1024)


def _packed_zeros(count: int) -> bytes:
    packer = zlib.compressobj(9)
    block = bytes(1 << 20)
    blocks = [packer.compress(block[: min(len(block), count - done)]) for done in range(0, count, len(block))]
    return b"".join([*blocks, packer.flush()])


def _png(side: int, bits: int) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    colour, row = (2, 3 * side + 1) if bits == 8 else (0, 2 * side + 1)
    head = struct.pack(">IIBBBBB", side, side, bits, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", _packed_zeros(side * row)) + chunk(b"IEND", b"")


def _tiff(side: int) -> bytes:
    """RGB in one deflate strip (TIFF 6.0 and Adobe's technical note of 2002)."""
    strip = _packed_zeros(3 * side * side)
    bits_at = 8 + 2 + 10 * 12 + 4
    tags = [
        (256, 4, 1, side),
        (257, 4, 1, side),
        (258, 3, 3, bits_at),
        (259, 3, 1, 8),
        (262, 3, 1, 2),
        (273, 4, 1, bits_at + 6),
        (277, 3, 1, 3),
        (278, 4, 1, side),
        (279, 4, 1, len(strip)),
        (284, 3, 1, 1),
    ]
    directory = struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", *tag) for tag in tags) + bytes(4)
    return b"II*\0" + struct.pack("<I", 8) + directory + struct.pack("<HHH", 8, 8, 8) + strip


DELAY = b"\x21\xf9\x04\x04\x0a\x00\x00\x00"
TINY_FRAME = DELAY + b"\x2c\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02\x44\x01\x00"  # one pixel


def _gif(side: int, frames: int, tiny: int = 0) -> bytes:
    """`frames` full-size frames, then `tiny` frames of one pixel."""
    out = io.BytesIO()
    Image.new("P", (side, side)).save(out, "GIF")
    data = out.getvalue()
    first = data.index(b"\x2c" + bytes(4) + struct.pack("<HH", side, side))
    return data[:first] + (DELAY + data[first:-1]) * frames + TINY_FRAME * tiny + b";"
