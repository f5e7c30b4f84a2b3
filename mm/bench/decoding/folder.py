"""Can each file of a folder be read? Every one is probed, sampled and heard in the sandbox, as an
upload would be.

python -m mm.bench.decoding.folder FOLDER
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mm.errors import InvalidInput, MMError
from mm.media import MediaReader
from mm.media.types import MediaInfo, Span

if TYPE_CHECKING:
    from collections.abc import Iterator

SAMPLE_FPS, LONGEST = 1.0, 260
PIECE = 600.0  # seconds of sound that are held at once


@dataclass(frozen=True, slots=True)
class FileResult:
    """What became of one file. `error` is the sentence that a user would read, empty for a file
    that was read."""

    file: str
    info: MediaInfo | None
    frames: int  # that search would look at
    sound: float  # seconds
    seconds: float  # taken
    error: str

    @property
    def is_silently_empty(self) -> bool:
        """Nothing was found in it and nobody was told."""
        return not self.error and not self.frames and not self.sound

    def line(self) -> str:
        """A row of the table that `HEADER` begins."""
        if self.info is None:
            return f"| {self.file} | | | | | | | {self.error} |"
        info = self.info
        codecs = " + ".join(codec for codec in (info.video_codec, info.audio_codec) if codec)
        size = f"{info.width} x {info.height}" if info.width else ""
        fate = self.error or ("EMPTY" if self.is_silently_empty else f"read in {self.seconds:.1f} s")
        cells = [
            f"{info.kind}, {info.container}",
            codecs,
            size,
            f"{info.duration:.2f}",
            str(self.frames),
            f"{self.sound:.2f}",
            fate,
        ]
        return f"| {self.file} | " + " | ".join(cells) + " |"


HEADER = "| file | kind | codecs | size | seconds | frames | seconds of sound | what became of it |\n|" + " --- |" * 8


def read_folder(reader: MediaReader, folder: Path) -> Iterator[FileResult]:
    """A row for each file below `folder`, by name; links are not followed. Raises `InvalidInput`
    where there is none."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    if not files:
        raise InvalidInput(f"{folder}: there are no files in this folder.")
    for path in files:
        yield read_file(reader, path, str(path.relative_to(folder)))


def read_file(reader: MediaReader, path: Path, name: str) -> FileResult:
    """Probe a file, sample its frames and hear all its sound. Errors of the file become part of the
    row."""
    begin = time.perf_counter()
    info, frames, sound, error = None, 0, 0.0, ""
    try:
        info = reader.probe(path, name)
        if info.kind != "audio":
            span = Span(0.0, info.duration)
            frames = sum(1 for _ in reader.frames(path, name, span, SAMPLE_FPS, LONGEST))
        if info.has_audio:
            sound = _heard(reader, path, name, info.duration)
    except MMError as refused:
        error = str(refused)
    return FileResult(name, info, frames, sound, time.perf_counter() - begin, error)


def _heard(reader: MediaReader, path: Path, name: str, duration: float) -> float:
    """Seconds of sound from its first sample that is not silence to its last."""
    first, last, rate, start = None, 0.0, 16_000, 0.0
    while start < duration:
        end = min(start + PIECE, duration)
        loud = reader.waveform(path, name, Span(start, end), rate=rate).nonzero()[0]
        if len(loud):
            first = start + loud[0] / rate if first is None else first
            last = start + (loud[-1] + 1) / rate
        start = end
    return 0.0 if first is None else float(last - first)


def summarize(rows: list[FileResult]) -> str:
    """How many were read, refused, and silently empty."""
    refused, empty = sum(bool(row.error) for row in rows), sum(row.is_silently_empty for row in rows)
    return f"{len(rows)} files: {len(rows) - refused - empty} read, {refused} refused by a named error, {empty} silently empty"


def main(folder: Path) -> int:
    """Print the table; the exit status is 1 when a file was silently empty."""
    rows = []
    print(HEADER)
    with MediaReader() as reader:
        for row in read_folder(reader, folder):
            rows.append(row)
            print(row.line(), flush=True)
    print(summarize(rows))
    return int(any(row.is_silently_empty for row in rows))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
