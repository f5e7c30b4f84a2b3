"""Measures scales from the options of `mm scale add`, here or with a service."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from pydantic import ValidationError

from mm.errors import InvalidInput
from mm.media import MediaReader
from mm.metrology.board import Board, calibrate
from mm.metrology.edges import grey_levels
from mm.metrology.scale import scale_of_length
from mm.schemas import BoardPictures, KnownLength, ScaleInfo

if TYPE_CHECKING:
    from mm.client import Client
    from mm.metrology.scale import Scale


@dataclass(frozen=True, slots=True)
class BoardOptions:
    """Image files of a calibration board, and its geometry."""

    images: Sequence[Path]
    squares: tuple[int, int]
    """Columns and rows."""
    square_mm: float
    marker_mm: float | None
    dictionary: str


def make_length(
    length_mm: float, start: tuple[float, float], end: tuple[float, float], length_u_mm: float, point_u_px: float
) -> KnownLength:
    """A known length between two points in pixels, from options. Raises `InvalidInput`."""
    try:
        return KnownLength(
            length_mm=length_mm, start=start, end=end, length_uncertainty_mm=length_u_mm, point_uncertainty_px=point_u_px
        )
    except ValidationError as error:
        first = error.errors()[0]
        raise InvalidInput(f"{first['loc'][0]}: {first['msg']}.") from error


def measure_scale(known: KnownLength | None, options: BoardOptions | None) -> Scale:
    """The scale of a known length, or of a board. Raises as `scale_of_length` and `calibrate`."""
    if known is not None:
        return scale_of_length(
            known.length_mm,
            known.start,
            known.end,
            length_uncertainty_mm=known.length_uncertainty_mm,
            point_uncertainty_px=known.point_uncertainty_px,
        )
    assert options is not None
    board = Board(*options.squares, options.square_mm, options.marker_mm, options.dictionary)
    with MediaReader() as reader:
        greys = [np.rint(grey_levels(reader.image(path, path.name))).astype(np.uint8) for path in options.images]
    return calibrate(greys, board)


def add_remote_scale(
    client: Client,
    name: str,
    *,
    length: KnownLength | None,
    board: BoardOptions | None,
    area: Sequence[tuple[float, float]],
    tilt_degrees: float,
    blur_px: float | None,
    is_replacement: bool,
) -> ScaleInfo:
    """Add a scale of a known length, or of a board whose images are uploaded.

    Raises as the client.
    """
    pictures = None
    if board is not None:
        items = [client.add(path).item.id for path in board.images]
        pictures = BoardPictures(
            items=items,
            columns=board.squares[0],
            rows=board.squares[1],
            square_mm=board.square_mm,
            marker_mm=board.marker_mm,
            dictionary=board.dictionary,
        )
    return client.scales.add(
        name,
        length=length,
        board=pictures,
        area=area or None,
        tilt_degrees=tilt_degrees,
        blur_px=blur_px,
        replace=is_replacement,
    )


def add_remote_dicom_scale(client: Client, name: str, path: Path, region: int, other_options: Sequence[str]) -> ScaleInfo:
    """Add the scale of a DICOM file, which the service deletes afterwards.

    Raises `InvalidInput` when other options are given: a service takes the region as it is.
    """
    if other_options:
        raise InvalidInput(f"With --dicom a service takes --region only, not --{other_options[0]}.")
    return client.scales.add_dicom(name, path, region=region)
