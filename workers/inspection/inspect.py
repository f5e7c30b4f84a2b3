"""Inspects an image, or the frames of a range of a video, and stores the results."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from indexes.catalog.records import NewResult
from mm.errors import InvalidInput, NotFound
from mm.inspection.heat_maps import encode_heat_map
from mm.inspection.records import create_record
from mm.media.types import Span
from mm.metrology.store import ScaleRecord
from workers.inspection.load import get_inspector

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from indexes.catalog.records import ItemRow, JobRow, RunRow, TaskRow
    from mm.inspection.inspector_file import AnyInspector
    from mm.inspection.types import Inspection, Mask
    from mm.media.types import RGB
    from mm.metrology import Scale
    from workers.context import WorkerContext
    from workers.tasks.lease import CheckLease


@dataclass(frozen=True, slots=True)
class _Inspected:
    """A frame, or an image at time 0, and what was found in it."""

    time: float
    image_HWC: RGB
    inspection: Inspection


@dataclass(slots=True)
class _Moment:
    """Consecutive frames with the same verdict, and the one least like good parts."""

    start: float
    worst: _Inspected


def inspect_item(context: WorkerContext, job: JobRow, task: TaskRow, check: CheckLease) -> bool:
    """Inspect the item or the range of a task, and store its results with the end of the task.

    Heat maps are stored before, named by their hash. Returns False if the lease is lost.
    """
    catalog = context.store.catalog
    run, item = catalog.get_run_of_job(job.id), catalog.get_item(task.item_id)
    if run is None or item is None:
        raise InvalidInput("The item was deleted before it was inspected.")
    inspector = _open_inspector(context, run)
    scale = ScaleRecord.model_validate(run.settings["scale"]).to_scale() if run.settings.get("scale") else None
    try:
        moments = _inspect(context, run, item, task, inspector, check)  # one image and heat map in memory at a time
        results = [_make_result(context, run, item, inspector, scale, moment, end) for moment, end in moments]
    except NotFound as error:
        if catalog.get_item(task.item_id) is None:  # its blob was deleted before it was opened
            raise InvalidInput("The item was deleted before it was inspected.") from error
        raise
    check()
    return catalog.add_results(task, context.owner, results)


def _open_inspector(context: WorkerContext, run: RunRow) -> AnyInspector:
    try:
        inspector = get_inspector(context.settings, run.inspector, run.version)
    except NotFound as error:
        raise InvalidInput(f"Version {run.version} of the inspector {run.inspector} was deleted.") from error
    return inspector.with_rate(float(str(run.settings["rate"])))


def _inspect(
    context: WorkerContext, run: RunRow, item: ItemRow, task: TaskRow, inspector: AnyInspector, check: CheckLease
) -> Iterator[tuple[_Moment, float]]:
    """Moments of equal verdicts and their ends; of an image, one at time 0."""
    path, region = context.store.blobs.path(item.sha256), run.settings.get("region")
    if task.is_image:
        image = context.reader.image(path, item.name)
        inspected = _Inspected(0.0, image, inspector.inspect(image, draw_region(region, image)))
        yield _Moment(0.0, inspected), 0.0
        return
    fps, span = float(str(run.settings["fps"])), Span(task.start, task.end)

    def frames() -> Iterator[_Inspected]:
        for frame in context.reader.every_frame(path, item.name, span, fps):
            check()
            yield _Inspected(frame.time, frame.image, inspector.inspect(frame.image, draw_region(region, frame.image)))

    yield from _group(frames(), span)


def _group(frames: Iterable[_Inspected], span: Span) -> Iterator[tuple[_Moment, float]]:
    """Group consecutive frames with the same verdict. Yields each moment and its end."""
    moment: _Moment | None = None
    for frame in frames:
        if moment is not None and frame.inspection.verdict == moment.worst.inspection.verdict:
            moment.worst = min(moment.worst, frame, key=_unusualness)
            continue
        if moment is not None:
            yield moment, frame.time
        moment = _Moment(span.start if moment is None else frame.time, frame)
    if moment is not None:
        yield moment, span.end


def _unusualness(frame: _Inspected) -> tuple[float, float]:
    return frame.inspection.p_value, -frame.inspection.score


def draw_region(region: object, image_HWC: RGB) -> Mask | None:
    """The mask (H, W) of a polygon in shares of width and height; None without a polygon."""
    if not isinstance(region, list):
        return None
    height, width = image_HWC.shape[:2]
    corners = np.rint(np.array(region, np.float64) * (width, height) - 0.5).astype(np.int32)
    mask_HW = np.zeros((height, width), np.uint8)
    cv2.fillPoly(mask_HW, [corners], 1)
    return mask_HW.astype(np.bool_)


def _make_result(
    context: WorkerContext,
    run: RunRow,
    item: ItemRow,
    inspector: AnyInspector,
    scale: Scale | None,
    moment: _Moment,
    end: float,
) -> NewResult:
    worst, is_image = moment.worst, item.kind == "image"
    record = create_record(
        worst.inspection,
        inspector.threshold,
        worst.image_HWC,
        item.id,
        start=None if is_image else moment.start,
        end=None if is_image else end,
        scale=scale,
        scale_name=None if scale is None else str(run.settings["scale_name"]),
    )
    heat = context.store.heat_maps.write(encode_heat_map(worst.inspection.heat_HW))
    return NewResult(start=moment.start, end=end, frame_time=worst.time, record=record, heat=heat)
