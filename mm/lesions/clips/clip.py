"""Interface of a file whose frames are analysed; frames are numbered from 0."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from mm.lesions.views import View

if TYPE_CHECKING:
    from mm.media.dicom import DicomIdentity
    from mm.media.types import RGB

PREAMBLE, PREFIX = 128, b"DICM"


@dataclass(frozen=True, slots=True)
class FrameSource:
    """What is known of the frames of a file."""

    name: str
    width: int
    height: int
    frame_seconds: float
    """Between frames; 0 for an image, or where it is not known."""
    views: tuple[View, ...]
    notes: tuple[str, ...] = ()
    num_frames: int = 0
    """Expected number of frames, for the progress; 0 if it is not known."""


class Clip(Protocol):
    """An examination: one image, or frames in the order of their times."""

    def describe(self) -> FrameSource:
        """Read the attributes. Raises `MediaError` and `InvalidInput`, as all methods."""
        ...

    def frames(self) -> Iterator[tuple[float, RGB]]:
        """All frames with their times in seconds."""
        ...

    def choose(self, numbers: Sequence[int]) -> Iterator[RGB]:
        """The frames with these ascending numbers."""
        ...

    def identity(self) -> DicomIdentity | None:
        """Identifiers for exports in DICOM; None for a file of another type."""
        ...


def is_dicom(path: Path) -> bool:
    """Whether a file begins as DICOM files do (PS3.10)."""
    with path.open("rb") as file:
        return file.read(PREAMBLE + len(PREFIX))[PREAMBLE:] == PREFIX
