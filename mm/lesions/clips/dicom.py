"""A DICOM file as a clip."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mm.lesions.clips.clip import FrameSource
from mm.lesions.views import choose_views

if TYPE_CHECKING:
    from mm.media.dicom import DicomIdentity, DicomReader
    from mm.media.types import RGB


class DicomClip:
    """Frames of a DICOM file, analysed within its regions of tissue."""

    def __init__(self, path: Path, name: str, reader: DicomReader) -> None:
        """`name` is that of the file in errors and exports."""
        self._path, self._name, self._reader = path, name, reader
        self._info = reader.info(path, name)

    def describe(self) -> FrameSource:
        """The attributes. Raises `MediaError` for a file without a view of tissue."""
        info = self._info
        views, notes = choose_views(info, self._name)
        return FrameSource(self._name, info.width, info.height, info.frame_seconds, views, notes, info.num_frames)

    def frames(self) -> Iterator[tuple[float, RGB]]:
        """All frames; times are 0 where the file states none."""
        for number, frame in enumerate(self._reader.frames(self._path, self._name)):
            yield number * self._info.frame_seconds, frame

    def choose(self, numbers: Sequence[int]) -> Iterator[RGB]:
        """Frames by their numbers."""
        if numbers:
            yield from self._reader.frames(self._path, self._name, numbers)

    def identity(self) -> DicomIdentity:
        """Patient, study, series and instance."""
        return self._reader.identity(self._path, self._name)
