"""Read every file of a folder in the sandbox, as an upload is read: probe, frames and audio.

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
BLOCK_SECONDS = 600.0  # of audio in memory at a time


@dataclass(frozen=True, slots=True)
class FileResult:
    """Result of one file. `error` is the message for the user, empty for a file that was read."""

    file: str
    info: MediaInfo | None
    frames: int  # that would be encoded
    audio_seconds: float  # between the first and the last sample above silence
    seconds: float  # of reading
    error: str

    @property
    def is_silently_empty(self) -> bool:
        """Whether it has no frames and no audio, and no error reports it."""
        return not self.error and not self.frames and not self.audio_seconds

    def line(self) -> str:
        """A row of the table below `HEADER`."""
        if self.info is None:
            return f"| {self.file} | | | | | | | {self.error} |"
        info = self.info
        codecs = " + ".join(codec for codec in (info.video_codec, info.audio_codec) if codec)
        size = f"{info.width} x {info.height}" if info.width else ""
        result = self.error or ("EMPTY" if self.is_silently_empty else f"read in {self.seconds:.1f} s")
        cells = [
            f"{info.kind}, {info.container}",
            codecs,
            size,
            f"{info.duration:.2f}",
            str(self.frames),
            f"{self.audio_seconds:.2f}",
            result,
        ]
        return f"| {self.file} | " + " | ".join(cells) + " |"


HEADER = "| file | kind | codecs | size | seconds | frames | seconds of audio | result |\n|" + " --- |" * 8


def read_folder(reader: MediaReader, folder: Path) -> Iterator[FileResult]:
    """Read the files below `folder` in name order, without links.

    Raises `InvalidInput` for a folder without files.
    """
    files = sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    if not files:
        raise InvalidInput(f"{folder} contains no files.")
    for path in files:
        yield read_file(reader, path, str(path.relative_to(folder)))


def read_file(reader: MediaReader, path: Path, name: str) -> FileResult:
    """Probe a file, sample its frames and decode its audio. Its error is part of the result."""
    start_time = time.perf_counter()
    info, frames, audio_seconds, error = None, 0, 0.0, ""
    try:
        info = reader.probe(path, name)
        if info.kind != "audio":
            span = Span(0.0, info.duration)
            frames = sum(1 for _ in reader.frames(path, name, span, SAMPLE_FPS, LONGEST))
        if info.has_audio:
            audio_seconds = _audio_seconds(reader, path, name, info.duration)
    except MMError as refusal:
        error = str(refusal)
    return FileResult(name, info, frames, audio_seconds, time.perf_counter() - start_time, error)


def _audio_seconds(reader: MediaReader, path: Path, name: str, duration: float) -> float:
    """Seconds between the first and the last sample that is not silence."""
    first, last, rate, start = None, 0.0, 16_000, 0.0
    while start < duration:
        end = min(start + BLOCK_SECONDS, duration)
        loud = reader.waveform(path, name, Span(start, end), rate=rate).nonzero()[0]
        if len(loud):
            first = start + loud[0] / rate if first is None else first
            last = start + (loud[-1] + 1) / rate
        start = end
    return 0.0 if first is None else float(last - first)


def summarize(rows: list[FileResult]) -> str:
    """Count the files that were read, refused and silently empty."""
    refused, empty = sum(bool(row.error) for row in rows), sum(row.is_silently_empty for row in rows)
    return f"{len(rows)} files: {len(rows) - refused - empty} read, {refused} refused by a named error, {empty} silently empty"


def main(folder: Path) -> int:
    """Print the table. Returns the exit code: 1 if a file was silently empty."""
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
