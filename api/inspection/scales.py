"""Scales of the service, in the folder `MM_HOME/scales` that the commands use."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from api.request_context import current_actor
from indexes.catalog.audit import NewAudit
from mm.errors import Cancelled, Conflict, InvalidInput, NotFound, UnsupportedMedia
from mm.metrology.board import Board, calibrate
from mm.metrology.dicom import get_region_scale
from mm.metrology.edges import grey_levels
from mm.metrology.scale import Scale, scale_of_length
from mm.metrology.store import NAME, ScaleStore
from mm.schemas import ScaleInfo

if TYPE_CHECKING:
    import threading
    from pathlib import Path

    from api.service import Service
    from mm.schemas import BoardPictures, ScaleRequest


def add_scale(service: Service, request: ScaleRequest, cancelled: threading.Event) -> ScaleInfo:
    """Add a scale, recorded in the audit log. Blocks while images are decoded.

    Raises `Conflict` if the name is in use, `NotFound` for an unknown item, `InvalidInput`,
    `MediaError`, and `Cancelled` between two images once the event is set.
    """
    _require_new(service, request.name, is_replaced=request.replace)
    if (request.length is None) == (request.board is None):
        raise InvalidInput("A scale needs either `length` or `board`.")
    if request.length is not None:
        known = request.length
        scale = scale_of_length(
            known.length_mm,
            known.start,
            known.end,
            length_uncertainty_mm=known.length_uncertainty_mm,
            point_uncertainty_px=known.point_uncertainty_px,
        )
    else:
        assert request.board is not None
        scale = _calibrate(service, request.board, cancelled)
    area = scale.area if request.area is None else tuple(request.area)
    blur_px = scale.blur_px if request.blur_px is None else request.blur_px
    scale = replace(scale, area=area, tilt_degrees=request.tilt_degrees, blur_px=blur_px)
    return _store(service, request.name, scale, is_replaced=request.replace)


def add_dicom_scale(service: Service, name: str, region: int, path: Path) -> ScaleInfo:
    """Add the scale of a region of a DICOM file, recorded in the audit log. Blocks while it reads.

    `region` counts from 1 the regions with a spacing. Raises `Conflict` if the name is in use,
    `UnsupportedMedia`, `MediaError`, and `MissingScale` without such a region.
    """
    from mm.lesions.clips.clip import is_dicom
    from mm.media.dicom import DicomReader

    _require_new(service, name)
    if not is_dicom(path):  # before a process is started for it
        raise UnsupportedMedia("The body is not a DICOM file; a scale of other images needs a known length or a board.")
    with DicomReader.from_settings(service.settings) as reader:
        return _store(service, name, get_region_scale(reader.info(path, "The file").regions, region))


def _require_new(service: Service, name: str, *, is_replaced: bool = False) -> None:
    if not is_replaced and name in ScaleStore(service.settings.root).names():
        raise Conflict(f"A scale named {name!r} exists; choose another name, or delete it first.")


def _store(service: Service, name: str, scale: Scale, *, is_replaced: bool = False) -> ScaleInfo:
    new = NewAudit(action="scale.add", subject=name, detail={"mm_per_px": scale.mm_per_px, "source": scale.source})
    service.store.catalog.record_audit(current_actor(), new)
    ScaleStore(service.settings.root).add(name, scale, replace=is_replaced)
    return _serialize(name, scale)


def list_scales(service: Service) -> list[ScaleInfo]:
    """All scales, by name. Raises `Corrupt`."""
    store = ScaleStore(service.settings.root)
    return [_serialize(name, store.load(name)) for name in store.names()]


def get_scale(service: Service, name: str) -> ScaleInfo:
    """A scale. Raises `NotFound`, `Corrupt`."""
    return _serialize(name, _load(service, name))


def delete_scale(service: Service, name: str) -> None:
    """Delete a scale; inspections keep their copies. Raises `NotFound`."""
    store = ScaleStore(service.settings.root)
    if name not in store.names():
        raise _unknown(name)
    service.store.catalog.record_audit(current_actor(), NewAudit(action="scale.delete", subject=name, detail={}))
    store.remove(name)


def _calibrate(service: Service, board: BoardPictures, cancelled: threading.Event) -> Scale:
    greys = []
    for item_id in board.items:
        if cancelled.is_set():
            raise Cancelled("The calibration was cancelled.")
        item = service.library.get_item(item_id)
        if item.kind != "image":
            raise InvalidInput(f"{item.name} is no image; a board is calibrated from images.")
        image = service.query_reader.image(service.store.blobs.path(item.sha256), item.name)
        greys.append(np.rint(grey_levels(image)).astype(np.uint8))
    return calibrate(greys, Board(board.columns, board.rows, board.square_mm, board.marker_mm, board.dictionary))


def _load(service: Service, name: str) -> Scale:
    if not NAME.fullmatch(name):
        raise _unknown(name)
    return ScaleStore(service.settings.root).load(name)


def _unknown(name: str) -> NotFound:
    return NotFound(f"There is no scale {name!r:.80}.")


def _serialize(name: str, scale: Scale) -> ScaleInfo:
    return ScaleInfo(
        name=name,
        mm_per_px=scale.mm_per_px,
        standard_uncertainty=scale.standard_uncertainty,
        source=scale.source,
        area=None if scale.area is None else list(scale.area),
        blur_px=scale.blur_px,
        tilt_degrees=scale.tilt_degrees,
        has_lens=scale.lens is not None,
    )
