"""Results of inspections: added with the end of their task, listed by p-value, filtered."""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

from sqlalchemy import ColumnElement, Select, and_, exists, func, or_, select

from indexes.catalog.base import CatalogMixin
from indexes.catalog.queue.job_tasks import end_task
from indexes.catalog.records import NewResult, ResultFilters, ResultRow, TaskRow
from indexes.catalog.tables import InspectionRegion, InspectionResult, InspectionRun, Item, Job
from mm.errors import InvalidInput
from mm.schemas import InspectionRecord, Kind

if TYPE_CHECKING:
    from mm.schemas import MeasuredValue, RegionRecord

_CURSOR = re.compile(r"above-([0-9.e+-]{1,30})-([1-9][0-9]{0,17})")
Row = tuple[InspectionResult, Item, str]


class ResultRows(CatalogMixin):
    def add_results(self, task: TaskRow, owner: str, results: Sequence[NewResult]) -> bool:
        """Add the results of a task and end it, in one transaction.

        False, and nothing is added, if its lease is lost, its job over, or the item deleted.
        """
        with self._database.write() as session:
            item_pk = session.scalar(select(Item.pk).where(Item.id == task.item_id).with_for_update())
            run_pk = session.scalar(
                select(InspectionRun.pk).join(Job, Job.pk == InspectionRun.job_pk).where(Job.id == task.job_id)
            )
            if item_pk is None or run_pk is None or not end_task(session, task, owner, self._now()):
                return False
            for result in results:
                row = InspectionResult(
                    id=secrets.token_hex(12),
                    run_pk=run_pk,
                    item_pk=item_pk,
                    start=result.start,
                    end=result.end,
                    frame_time=result.frame_time,
                    p_value=result.record.p_value,
                    verdict=result.record.verdict,
                    record=result.record.model_dump_json(),
                    heat=result.heat,
                    created_at=self._now(),
                )
                session.add(row)
                session.flush()
                session.add_all(_region(row.pk, index, region) for index, region in enumerate(result.record.regions))
            return True

    def get_result(self, run_id: str, result_id: str) -> ResultRow | None:
        """Return a result of an inspection, None if there is none."""
        query = _select_results(ResultFilters(run_id=run_id)).where(InspectionResult.id == result_id)
        with self._database.read() as session:
            row = session.execute(query).tuples().first()
            return None if row is None else _result_row(row)

    def list_results(
        self, filters: ResultFilters, limit: int, cursor: str | None = None
    ) -> tuple[list[ResultRow], int, str | None]:
        """Return up to `limit` results by ascending p-value, the number of all, and a cursor.

        Raises `InvalidInput` for a malformed cursor.
        """
        order = (InspectionResult.p_value, InspectionResult.pk)
        query = _select_results(filters).order_by(*order).limit(limit + 1)
        if cursor is not None:
            p_value, pk = _parse_cursor(cursor)
            above = and_(InspectionResult.p_value == p_value, InspectionResult.pk > pk)
            query = query.where(or_(InspectionResult.p_value > p_value, above))
        with self._database.read() as session:
            rows = [_result_row(row) for row in session.execute(query).tuples()]
            total = session.execute(select(func.count()).select_from(_select_results(filters).subquery())).scalar_one()
        page = rows[:limit]
        return page, total, f"above-{page[-1].p_value!r}-{page[-1].pk}" if len(rows) > limit else None

    def list_defect_kinds(self) -> list[str]:
        """Return the kinds of all regions of results, in alphabetical order."""
        kinds = select(InspectionRegion.kind).where(InspectionRegion.kind.is_not(None)).distinct()
        with self._database.read() as session:
            return sorted(kind for kind in session.scalars(kinds) if kind is not None)


def _select_results(filters: ResultFilters) -> Select[Row]:
    query = (
        select(InspectionResult, Item, InspectionRun.id)
        .join(InspectionRun, InspectionRun.pk == InspectionResult.run_pk)
        .join(Item, Item.pk == InspectionResult.item_pk)
    )
    return query.where(*_conditions(filters))


def _conditions(filters: ResultFilters) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    for column, value in (
        (InspectionRun.id, filters.run_id),
        (Item.id, filters.item_id),
        (InspectionRun.inspector, filters.inspector),
        (InspectionResult.verdict, filters.verdict),
    ):
        if value is not None:
            conditions.append(column == value)
    if filters.max_p_value is not None:
        conditions.append(InspectionResult.p_value <= filters.max_p_value)
    if filters.has_region:
        conditions.append(exists().where(InspectionRegion.result_pk == InspectionResult.pk, *_region_conditions(filters)))
    return conditions


def _region_conditions(filters: ResultFilters) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if filters.kind is not None:
        conditions.append(func.lower(InspectionRegion.kind) == filters.kind.lower())
    if filters.min_length_mm is not None:
        conditions.append(InspectionRegion.length_mm >= filters.min_length_mm)
    if filters.max_length_mm is not None:
        conditions.append(InspectionRegion.length_mm <= filters.max_length_mm)
    if filters.min_width_mm is not None:
        conditions.append(InspectionRegion.width_mm >= filters.min_width_mm)
    if filters.min_area_mm2 is not None:
        conditions.append(InspectionRegion.area_mm2 >= filters.min_area_mm2)
    return conditions


def _region(result_pk: int, index: int, region: RegionRecord) -> InspectionRegion:
    measures = region.measures
    return InspectionRegion(
        result_pk=result_pk,
        index=index,
        kind=None if region.kind is None else region.kind[:64],
        length_mm=None if measures is None else _in_mm(measures.length),
        width_mm=None if measures is None else _in_mm(measures.width),
        area_mm2=None if measures is None else _in_mm(measures.area),
    )


def _in_mm(measured: MeasuredValue) -> float | None:
    return measured.value if measured.unit in {"mm", "mm2"} else None


def _result_row(row: Row) -> ResultRow:
    result, item, run_id = row
    return ResultRow(
        pk=result.pk,
        id=result.id,
        run_id=run_id,
        item_pk=item.pk,
        item_id=item.id,
        item_name=item.name,
        item_kind=cast(Kind, item.kind),
        sha256=item.sha256,
        start=result.start,
        end=result.end,
        frame_time=result.frame_time,
        p_value=result.p_value,
        record=InspectionRecord.model_validate_json(result.record),
        heat=result.heat,
    )


def _parse_cursor(cursor: str) -> tuple[float, int]:
    match = _CURSOR.fullmatch(cursor)
    try:
        if match is not None:
            return float(match[1]), int(match[2])
    except ValueError:
        pass
    raise InvalidInput("The cursor is malformed: pass the `next` value of a page of this list.")
