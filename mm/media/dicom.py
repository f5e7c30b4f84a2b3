"""Entry point to DICOM files: they are decoded in a sandboxed child process, as other media are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mm.errors import InvalidInput, MediaError
from mm.media.children.budget import MemoryBudget
from mm.media.children.pool import ChildPool
from mm.media.children.requests import Request, request_many, request_one
from mm.media.limits import read_limits
from mm.media.sandbox.layers import Sandbox
from mm.media.types import RGB, Limits

if TYPE_CHECKING:
    from types import TracebackType

    from mm.settings import Settings

DECODER = "dicom"
"""What the fork server loads instead of a video decoder."""
CENTIMETRES = 3
"""Physical units of a region (PS3.3, C.8.5.5.1.15)."""
TWO_DIMENSIONAL, TISSUE = 1, 1
"""Spatial format and data type of a region that shows tissue (PS3.3, C.8.5.5.1.1 and 1.2)."""


@dataclass(frozen=True, slots=True)
class UltrasoundRegion:
    """A part of the frames of an ultrasound file that shows one kind of data."""

    x0: int  # first column and row
    y0: int
    x1: int  # last column and row, inclusive
    y1: int
    spatial_format: int
    data_type: int
    units_x: int
    units_y: int
    delta_x: float  # physical length of a pixel, in its units
    delta_y: float

    @property
    def is_tissue(self) -> bool:
        """Whether it is a two-dimensional image of tissue, without colour flow or a spectrum."""
        return self.spatial_format == TWO_DIMENSIONAL and self.data_type == TISSUE

    @property
    def mm_per_px(self) -> tuple[float, float] | None:
        """Millimetres of a pixel in x and y; None unless the file states them in centimetres."""
        has_scale = self.units_x == self.units_y == CENTIMETRES and self.delta_x != 0 and self.delta_y != 0
        return (10 * abs(self.delta_x), 10 * abs(self.delta_y)) if has_scale else None  # signs are directions


@dataclass(frozen=True, slots=True)
class DicomInfo:
    """Description of a DICOM file, without anything about the patient."""

    height: int  # pixels
    width: int
    num_frames: int
    frame_seconds: float  # between frames; 0 where the file states none
    modality: str
    transfer_syntax: str  # its UID
    bits: int  # of a pixel, before frames are converted to 8
    regions: tuple[UltrasoundRegion, ...]


@dataclass(frozen=True, slots=True)
class DicomIdentity:
    """What DICOM objects about a file must repeat: patient, study, series and instance.

    Only for exports in DICOM; it must not be logged or stored, and its `repr` is empty.
    """

    values: Mapping[str, str] = field(repr=False)
    """By the keyword of the attribute."""


class DicomReader:
    """Reads frames of untrusted DICOM files.

    Every method takes the path of a file and the `name` that errors call it by. It raises
    `MediaError`, `UnsupportedMedia` or `TooLarge` about the file, and as `MediaReader` otherwise.
    """

    def __init__(self, limits: Limits | None = None, sandbox: Sandbox | None = None, budget: MemoryBudget | None = None) -> None:
        self._pool = ChildPool(limits or Limits(), DECODER, sandbox or Sandbox(), budget or MemoryBudget())

    @classmethod
    def from_settings(cls, settings: Settings) -> DicomReader:
        """Return a reader with the limits of the settings."""
        sandbox = Sandbox(settings.sandbox_minimum, settings.sandbox_allow_known_holes)
        return cls(read_limits(settings), sandbox, MemoryBudget(settings.sandbox_total_memory))

    def __enter__(self) -> DicomReader:
        return self

    def __exit__(self, cls: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """End all children. Requests of other threads fail."""
        self._pool.close()

    def info(self, path: Path, name: str) -> DicomInfo:
        """Describe a file; no pixel is decoded."""
        head, _ = request_one(self._pool, Request("dicom", path, name, {}))
        try:
            regions = tuple(UltrasoundRegion(**region) for region in head["regions"])  # type: ignore[attr-defined]
            values = {key: value for key, value in head.items() if key not in {"what", "regions"}}
            return DicomInfo(**values, regions=regions)  # type: ignore[arg-type]
        except (KeyError, TypeError, ValueError) as error:
            raise MediaError(name, "crashed", "the decoder sent an invalid response") from error

    def identity(self, path: Path, name: str) -> DicomIdentity:
        """Patient, study and instance of a file, for exports in DICOM."""
        head, _ = request_one(self._pool, Request("dicom_identity", path, name, {}))
        return DicomIdentity({key: str(value) for key, value in head.items() if key != "what"})

    def frames(self, path: Path, name: str, indices: Sequence[int] | None = None) -> Iterator[RGB]:
        """Frames in order: all, or those with these numbers; one at a time is in memory here.

        Grey values of more than 8 bits are converted through the display window of the file.
        """
        if indices is not None and any(index < 0 for index in indices):
            raise InvalidInput(f"Frames are numbered from 0: {list(indices)} is invalid.")
        request = Request("dicom_frames", path, name, {"indices": None if indices is None else list(indices)})
        with closing(request_many(self._pool, request)) as messages:
            for head, body in messages:
                try:
                    height, width, channels = (int(side) for side in head["shape"])  # type: ignore[attr-defined]
                    frame = np.frombuffer(body, np.uint8).reshape(height, width, channels)
                except (KeyError, TypeError, ValueError) as error:
                    raise MediaError(name, "crashed", "the decoder sent an invalid response") from error
                yield frame
