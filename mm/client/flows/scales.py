"""Scales: add from a known length or a calibration board, list, get, delete."""

from __future__ import annotations

from collections.abc import Sequence

from mm.client.files import measure_file, resolve_source
from mm.client.paths import quote_id
from mm.client.responses import parse_body, read_body
from mm.client.steps import Body, Flow, Params, Send, Source
from mm.schemas import BoardPictures, KnownLength, ScaleInfo, ScaleList, ScaleRequest


def add(
    name: str,
    *,
    length: KnownLength | None = None,
    board: BoardPictures | None = None,
    area: Sequence[tuple[float, float]] | None = None,
    tilt_degrees: float = 0.0,
    blur_px: float | None = None,
    replace: bool = False,
) -> Flow[ScaleInfo]:
    """Add a scale, from a known length or from images of a calibration board.

    `area` is a polygon in pixels in which it holds; `blur_px` replaces the blur that a board
    measures; `replace` replaces a scale of this name. Raises `Conflict` if the name is in use,
    `InvalidInput`, `NotFound` for an unknown item, `NotMeasurable`, `MediaError`.
    """
    request = ScaleRequest.model_construct(
        name=name,
        length=length,
        board=board,
        area=None if area is None else list(area),
        tilt_degrees=tilt_degrees,
        blur_px=blur_px,
        replace=replace,
    )
    return parse_body((yield from Send("POST", "/v1/scales", json=request.model_dump())), ScaleInfo)


def add_dicom(name: str, source: Source, *, region: int = 1) -> Flow[ScaleInfo]:
    """Add the scale of a DICOM file, which is sent without its name and not stored.

    `region` counts from 1 its regions with a spacing. Raises `Conflict` if the name is in use,
    `MissingScale` without such a region, `UnsupportedMedia`, `MediaError`, `TooLarge`.
    """
    file, _ = resolve_source(source, "file.dcm")
    size = len(file) if isinstance(file, bytes) else measure_file(file)
    params: Params = {"name": name, "region": region}
    body = Body(file, size, lambda num_bytes: None)
    return parse_body((yield from Send("POST", "/v1/scales/dicom", params=params, body=body)), ScaleInfo)


def list_all() -> Flow[list[ScaleInfo]]:
    """List all scales by name."""
    return parse_body((yield from Send("GET", "/v1/scales")), ScaleList).data


def get(name: str) -> Flow[ScaleInfo]:
    """Get a scale. Raises `NotFound`."""
    return parse_body((yield from Send("GET", f"/v1/scales/{quote_id(name)}")), ScaleInfo)


def delete(name: str) -> Flow[None]:
    """Delete a scale; inspections that used it keep their copies. Raises `NotFound`."""
    read_body((yield from Send("DELETE", f"/v1/scales/{quote_id(name)}")))
