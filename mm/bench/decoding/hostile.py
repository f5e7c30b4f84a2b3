"""Read damaged and handmade hostile files, and count crashes, hangs and unnamed errors."""

from __future__ import annotations

import io
import struct
import tempfile
import time
import zipfile
import zlib
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import av
import numpy as np
from PIL import Image

from mm.bench.decoding.heif_file import write_heif
from mm.bench.decoding.image_bombs import make_image_bombs
from mm.bench.decoding.raw_file import write_cr3, write_raw
from mm.errors import MediaError, MMError
from mm.media import MediaReader
from mm.media.types import Limits, Span

LIMITS = Limits(memory_bytes=1 << 30, silent_seconds=20.0, cpu_seconds=120, wall_seconds=60.0)
VIDEOS = {
    "mp4": "libx264",
    "mov": "mpeg4",
    "mkv": "libx264",
    "webm": "libvpx",
    "avi": "mpeg4",
    "ts": "mpeg2video",
    "mpg": "mpeg2video",
    "gif": "gif",
}
FORMATS = {"mkv": "matroska", "ts": "mpegts", "mpg": "vob"}
CONCATENATED = "joined.ts"  # concatenated transport streams, whose clock restarts
IMAGES = {"jpg": "JPEG", "png": "PNG", "webp": "WEBP", "tiff": "TIFF", "bmp": "BMP", "jp2": "JPEG2000", "avif": "AVIF"}
ANIMATED = ("png", "webp", "avif")
SIDE, NUM_FRAMES = 96, 8


@dataclass
class Report:
    """`read` counts decoded files, `refused` others by reason; a hang exceeds the time limits."""

    read: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    unnamed: list[str] = field(default_factory=list)  # errors that are not of `mm.errors`
    hangs: int = 0
    slowest: float = 0.0

    @property
    def is_harmless(self) -> bool:
        """Whether every file was read or refused by a named error, in time, and no child
        crashed."""
        return not self.unnamed and not self.hangs and not self.refused["crashed"]

    def lines(self) -> list[str]:
        counts = [f"{count} {reason}" for reason, count in self.refused.most_common()]
        return [
            f"{self.read + self.refused.total() + len(self.unnamed)} files, "
            f"{len(make_bombs(make_seed_files()))} of them handmade",
            f"{self.read} read; refused: {', '.join(counts) or 'none'}",
            f"hangs {self.hangs}, slowest result {self.slowest:.1f} s, unnamed errors {len(self.unnamed)}",
            *self.unnamed,
        ]


def make_seed_files() -> dict[str, bytes]:
    """Make a valid file of each format, and a transport stream with two clock restarts."""
    rng = np.random.default_rng(0)
    frames = [rng.integers(0, 255, (SIDE, SIDE, 3), dtype=np.uint8) for _ in range(NUM_FRAMES)]
    files = {}
    for suffix, codec in VIDEOS.items():
        out = io.BytesIO()
        with av.open(out, "w", format=FORMATS.get(suffix, suffix)) as container:
            stream = container.add_stream(codec, rate=25 if codec == "mpeg2video" else 10)
            stream.width = stream.height = SIDE
            stream.pix_fmt = "rgb8" if suffix == "gif" else "yuv420p"
            for pixels in frames:
                container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(format=stream.pix_fmt)))
            container.mux(stream.encode(None))
        files[suffix] = out.getvalue()
    files[CONCATENATED] = files["ts"] * 3
    for suffix, kind in IMAGES.items():
        out = io.BytesIO()
        Image.fromarray(frames[0]).save(out, kind)
        files[suffix] = out.getvalue()
    for suffix in ANIMATED:
        out = io.BytesIO()
        shown = [Image.fromarray(pixels) for pixels in frames]
        shown[0].save(out, IMAGES[suffix], save_all=True, append_images=shown[1:], duration=100)
        files[f"animated.{suffix}"] = out.getvalue()
    files["heic"] = write_heif(frames[0])
    files["dng"] = write_raw("dng", files["jpg"])
    files["cr3"] = write_cr3(files["jpg"])
    out = io.BytesIO()
    with av.open(out, "w", format="wav") as container:
        sound = container.add_stream("pcm_s16le", rate=16_000, layout="mono")
        frame = av.AudioFrame.from_ndarray(rng.integers(-9999, 9999, (1, 4000), dtype=np.int16), format="s16", layout="mono")
        frame.sample_rate = 16_000
        container.mux(sound.encode(frame))
        container.mux(sound.encode(None))
    files["wav"] = out.getvalue()
    return files


def mutate_bytes(data: bytes, rng: np.random.Generator) -> bytes:
    """Change bytes, truncate, swap two blocks, or overwrite a length field."""
    damaged = bytearray(data)
    match int(rng.integers(4)):
        case 0:
            for place in rng.integers(0, len(damaged), int(rng.integers(1, 40))):
                damaged[place] = int(rng.integers(256))
        case 1:
            del damaged[int(rng.integers(1, len(damaged))) :]
        case 2:
            size = int(rng.integers(1, max(len(damaged) // 4, 2)))
            first, second = sorted(int(place) for place in rng.integers(0, len(damaged) - size, 2))
            damaged[first : first + size], damaged[second : second + size] = (
                damaged[second : second + size],
                damaged[first : first + size],
            )
        case _:
            place = int(rng.integers(0, min(len(damaged) - 4, 2048)))
            damaged[place : place + 4] = rng.choice([b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff", b"\0\0\0\1"])
    return bytes(damaged)


def make_bombs(seed_files: dict[str, bytes]) -> dict[str, bytes]:
    """Make files that are small and expand to much, refer to themselves, or have a wrong suffix."""

    def png(width: int, height: int, packed: bytes) -> bytes:
        def chunk(kind: bytes, body: bytes) -> bytes:
            return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

        head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
        return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")

    mp4 = seed_files["mp4"]
    header = mp4.index(b"mvhd") + 4
    long = bytearray(mp4)
    long[header + 16 : header + 20] = struct.pack(">I", struct.unpack(">I", mp4[header + 12 : header + 16])[0] * 36_000)
    track = mp4.index(b"trak") - 4
    size = struct.unpack(">I", mp4[track : track + 4])[0]
    moov = mp4.index(b"moov") - 4
    body = mp4[moov + 8 : track] + b"\0\0\0\x08trak" * 1_000_000 + mp4[track : track + size]
    nested = b""
    for _ in range(2000):
        nested = struct.pack(">I", len(nested) + 8) + b"moov" + nested
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.writestr("video.mp4", mp4)
    back = struct.pack(">I4sQ", 1, b"free", (1 << 64) - 16)  # a box whose length points back to the start of the file
    seek = bytes.fromhex(
        "114d9b74 8e 4dbb 8b 53ab84 114d9b74 53ac81 00".replace(" ", "")
    )  # a SeekHead entry that points to itself
    matroska = seed_files["mkv"]
    body_at = matroska.index(bytes.fromhex("18538067")) + 12
    page = struct.pack("<HHHI", 1, 256, 3, 1) + struct.pack("<HHI", 64, 0, 8)  # a TIFF directory whose next directory is itself
    clocks = bytearray(seed_files["ts"])
    for number in range(50_000):  # packets with only a PCR, each of another clock
        reference = (number * 7_919_000_003 % (1 << 33)) << 15
        clocks += b"\x47\x01\x00\x20\xb7\x10" + reference.to_bytes(6) + b"\xff" * 176
    return {
        **make_image_bombs(seed_files),
        "decompression.png": png(10_000, 10_000, zlib.compress(bytes(300_010_000), 9)),
        "wide.png": png(100_000, 100_000, b""),
        "ten-hours.mp4": bytes(long),
        "million-streams.mp4": mp4[:moov] + struct.pack(">I", len(body) + 8) + b"moov" + body,
        "nested-atoms.mp4": mp4[: mp4.index(b"ftyp") + 28] + nested,
        "looping-atoms.mp4": mp4[: mp4.index(b"ftyp") + 28] + back + mp4[mp4.index(b"ftyp") + 28 :],
        "looping-atoms-alone.mp4": mp4[: mp4.index(b"ftyp") + 28] + back * 1000,
        "looping-index.mkv": matroska[:body_at] + seek * 1000 + matroska[body_at:],
        "looping-pages.tiff": b"II*\0" + struct.pack("<I", 8) + page,
        "clocks.ts": bytes(clocks),
        "zip-archive.mp4": zipped.getvalue(),
        "playlist.mp4": b"#EXTM3U\n#EXTINF:10,\nfile:///etc/passwd\n",
        "drawing.png": b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>',
    }


def read_hostile_files(files: int, seed: int = 0) -> Report:
    """Read damaged files, alternating between the formats, and every handmade file."""
    report, rng, good = Report(), np.random.default_rng(seed), make_seed_files()
    names = list(good)
    with tempfile.TemporaryDirectory() as folder, MediaReader(LIMITS) as reader:
        for name, data in make_bombs(good).items():
            _read(reader, Path(folder) / name, data, report)
        for index in range(files):
            suffix = names[index % len(names)]
            _read(reader, Path(folder) / f"file.{suffix}", mutate_bytes(good[suffix], rng), report)
    return report


def _read(reader: MediaReader, path: Path, data: bytes, report: Report) -> None:
    path.write_bytes(data)
    start = time.monotonic()
    try:
        info = reader.probe(path, path.name)
        if info.kind == "audio":
            reader.waveform(path, path.name, Span(0.0, 1.0))
        else:
            for _ in reader.frames(path, path.name, Span(0.0, 2.0), 2.0, 64):
                pass
        report.read += 1
    except MediaError as error:
        report.refused[error.reason] += 1
    except MMError as error:
        report.refused[error.slug] += 1
    except Exception as error:  # noqa: BLE001 - unnamed errors are counted
        report.unnamed.append(f"{path.name}: {type(error).__name__}: {error}")
    elapsed = time.monotonic() - start
    report.slowest = max(report.slowest, elapsed)
    report.hangs += elapsed > 2 * LIMITS.wall_seconds
