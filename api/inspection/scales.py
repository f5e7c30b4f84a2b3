"""Scales of the service, in the folder `MM_HOME/scales` that the commands use."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from api.request_context import current_actor
from indexes.catalog.audit import NewAudit
from mm.errors import Cancelled, Conflict, InvalidInput, NotFound
from mm.metrology.board import Board, calibrate
from mm.metrology.edges import grey_levels
from mm.metrology.scale import Scale, scale_of_length
from mm.metrology.store import NAME, ScaleStore
from mm.schemas import ScaleInfo

if TYPE_CHECKING:
    import threading

    from api.service import Service
    from mm.schemas import BoardPictures, ScaleRequest


def add_scale(service: Service, request: ScaleRequest, cancelled: threading.Event) -> ScaleInfo:
    """Add a scale, recorded in the audit log. Blocks while images are decoded.

    Raises `Conflict` if the name is in use, `NotFound` for an unknown item, `InvalidInput`,
    `MediaError`, and `Cancelled` between two images once the event is set.
    """
    store = ScaleStore(service.settings.root)
    if request.name in store.names() and not request.replace:
        raise Conflict(f"A scale named {request.name!r} exists; choose another name, or delete it first.")
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
    new = NewAudit(action="scale.add", subject=request.name, detail={"mm_per_px": scale.mm_per_px, "source": scale.source})
    service.store.catalog.record_audit(current_actor(), new)
    store.add(request.name, scale, replace=request.replace)
    return _serialize(request.name, scale)


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
