"""Marks of results: stored with the inspector, in force until they are undone."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from api.inspection.inspections import get_result
from api.inspection.inspectors import get_inspector
from api.request_context import current_actor
from indexes.catalog.audit import AuditDetail, NewAudit
from mm.errors import NotFound
from mm.inspection.marks.observed import read_marks
from mm.inspection.marks.store import MarkStore
from mm.inspection.marks.types import Mark
from mm.schemas import InspectionMark, InspectionResult

if TYPE_CHECKING:
    from collections.abc import Sequence

    from api.service import Service
    from indexes.catalog.records import ResultRow
    from mm.schemas import InspectionMarkRequest


def name_image(row: ResultRow) -> str:
    """The name of the image of a result in marks: the id of the item, with the time of a frame."""
    return row.item_id if row.item_kind == "image" else f"{row.item_id}@{row.frame_time!r}"


def add_mark(service: Service, run_id: str, result_id: str, request: InspectionMarkRequest) -> InspectionMark:
    """Mark the image of a result. An earlier mark of it with the other verdict is undone.

    Recorded in the audit log. Raises `NotFound` for the result and for a deleted inspector, and
    `InvalidInput` for outlines outside the image and for an accepted part with a defect.
    """
    row = get_result(service, run_id, result_id)
    store, inspector, actor = MarkStore(service.settings.root), row.record.inspector, current_actor()
    mark = Mark(
        image=name_image(row),
        verdict=request.verdict,
        polygons=tuple(tuple(polygon) for polygon in request.polygons),
        size=(row.record.height, row.record.width),
        kind=request.kind,
        group=request.group,
        inspected=row.record.verdict,
        version=row.record.version,
        author=actor.name,
        at=datetime.now(UTC).isoformat(),
    )
    earlier = [other for other in store.list_marks(inspector) if other.image == mark.image and other.verdict != mark.verdict]
    detail: AuditDetail = {"result": result_id, "item": row.item_id, "verdict": mark.verdict, "undone": len(earlier)}
    service.store.catalog.record_audit(actor, NewAudit(action="inspector.mark", subject=inspector, detail=detail))
    for other in earlier:
        store.undo(inspector, other.mark_id, actor.name)
    store.add(inspector, mark)
    return _serialize(mark)


def list_marks(service: Service, run_id: str, result_id: str) -> list[InspectionMark]:
    """The marks in force of the image of a result. Raises `NotFound`."""
    row = get_result(service, run_id, result_id)
    return [_serialize(mark) for mark in _read(service, row.record.inspector) if mark.image == name_image(row)]


def undo_mark(service: Service, run_id: str, result_id: str, mark_id: str) -> None:
    """Withdraw a mark, recorded in the audit log. Raises `NotFound`."""
    row = get_result(service, run_id, result_id)
    inspector = row.record.inspector
    if mark_id not in [mark.id for mark in list_marks(service, run_id, result_id)]:
        raise NotFound(f"The result {result_id} has no mark {mark_id!r:.80} in force.")
    _undo(service, inspector, mark_id, {"result": result_id, "mark": mark_id})


def list_inspector_marks(service: Service, name: str) -> list[InspectionMark]:
    """All marks in force of an inspector, also those of files that `mm inspect mark` marked.

    Raises `NotFound`.
    """
    get_inspector(service, name)
    return [_serialize(mark) for mark in _read(service, name)]


def undo_inspector_mark(service: Service, name: str, mark_id: str) -> None:
    """Withdraw a mark of an inspector, recorded in the audit log. Raises `NotFound`."""
    if mark_id not in [mark.id for mark in list_inspector_marks(service, name)]:
        raise NotFound(f"The inspector {name} has no mark {mark_id!r:.80} in force.")
    _undo(service, name, mark_id, {"mark": mark_id})


def attach_marks(service: Service, rows: Sequence[ResultRow], results: Sequence[InspectionResult]) -> list[InspectionResult]:
    """The results, each with its marks in force; `rows` are their rows in the same order."""
    marks: dict[tuple[str, str], list[InspectionMark]] = {}
    for inspector in {row.record.inspector for row in rows}:
        for mark in _read(service, inspector):
            marks.setdefault((inspector, mark.image), []).append(_serialize(mark))
    return [
        result.model_copy(update={"marks": marks.get((row.record.inspector, name_image(row)), [])})
        for row, result in zip(rows, results, strict=True)
    ]


def _read(service: Service, inspector: str) -> list[Mark]:
    """The marks of an inspector; none of a deleted one."""
    return read_marks(service.settings.root, inspector)


def _undo(service: Service, inspector: str, mark_id: str, detail: AuditDetail) -> None:
    actor = current_actor()
    service.store.catalog.record_audit(actor, NewAudit(action="inspector.unmark", subject=inspector, detail=detail))
    MarkStore(service.settings.root).undo(inspector, mark_id, actor.name)


def _serialize(mark: Mark) -> InspectionMark:
    return InspectionMark(
        id=mark.mark_id,
        image=mark.image,
        group=mark.group,
        inspected=mark.inspected,
        version=mark.version,
        verdict=mark.verdict,
        polygons=[list(polygon) for polygon in mark.polygons],
        kind=mark.kind,
        author=mark.author,
        at=mark.at,
    )
