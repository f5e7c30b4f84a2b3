"""Inspects images and videos one after another, and writes the run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mm.embedded.terminal import clean
from mm.errors import InvalidInput, MMError, Unavailable
from mm.inspection.records import create_record
from mm.media.types import Span

if TYPE_CHECKING:
    from mm.cli.progress import Progress, ProgressCallback
    from mm.inspection.runs import RunWriter
    from mm.inspection.types import Inspector
    from mm.media.reader import MediaReader
    from mm.media.types import RGB
    from mm.metrology import Scale
    from mm.schemas import InspectionRecord


@dataclass(frozen=True, slots=True)
class NamedScale:
    """A scale record and its name."""

    name: str
    scale: Scale


@dataclass(frozen=True, slots=True, eq=False)
class _Picture:
    """An image, or a frame of a video with its times in seconds."""

    image_HWC: RGB
    start: float | None = None
    end: float | None = None


class Running:
    """Inspects files. A file that cannot be read is noted, and the others are inspected."""

    def __init__(self, inspector: Inspector, reader: MediaReader, scale: NamedScale | None, fps: float) -> None:
        self._inspector, self._reader, self._scale, self._fps = inspector, reader, scale, fps

    def run(self, files: Sequence[Path], writer: RunWriter, progress: Progress) -> tuple[list[InspectionRecord], list[str]]:
        """Records in the order of the files, and an error for each file that could not be read.

        Raises `Unavailable` when no file can be read.
        """
        records: list[InspectionRecord] = []
        errors: list[str] = []
        for path in files:
            with progress.task(clean(path.name)) as report:
                try:
                    for picture in self._read(path, report):
                        record = self._inspect(path, picture, writer)
                        records.append(record)
                except Unavailable:
                    raise
                except MMError as error:
                    writer.add_failure(str(path), str(error))
                    errors.append(_name_file(path, error))
        return records, errors

    def _inspect(self, path: Path, picture: _Picture, writer: RunWriter) -> InspectionRecord:
        inspection = self._inspector.inspect(picture.image_HWC)
        record = create_record(
            inspection,
            self._inspector.threshold,
            picture.image_HWC,
            str(path),
            start=picture.start,
            end=picture.end,
            scale=None if self._scale is None else self._scale.scale,
            scale_name=None if self._scale is None else self._scale.name,
        )
        writer.add(record, inspection.heat_HW, path)
        return record

    def _read(self, path: Path, report: ProgressCallback) -> Iterator[_Picture]:
        info = self._reader.probe(path, str(path))
        if info.kind == "image":
            yield _Picture(self._reader.image(path, str(path)))
            return
        if not info.has_video:
            raise InvalidInput(f"{path} has no images: it is audio.")
        for frame in self._reader.every_frame(path, str(path), Span(0.0, info.duration), self._fps):
            report(min(frame.time / max(info.duration, 1e-9), 1.0), "")
            yield _Picture(frame.image, frame.time, min(frame.time + 1 / self._fps, max(info.duration, frame.time)))


def _name_file(path: Path, error: MMError) -> str:
    text = str(error)
    return text if str(path) in text else f"{path}: {text}"
