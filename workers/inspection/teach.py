"""Teaches an inspector by its marks, and stores the candidate as a version."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import structlog

from mm.errors import InvalidInput, NotFound
from mm.inspection.inspector_file import require_patches
from mm.inspection.marks.store import MarkStore
from mm.inspection.marks.teach import teach
from mm.inspection.store import InspectorStore
from workers.inspection.fit import find_stored, open_examples, record_version, report_steps
from workers.inspection.load import get_inspector

if TYPE_CHECKING:
    from collections.abc import Callable

    from indexes.catalog.records import JobRow, TaskRow
    from mm.inspection.marks.teach import Candidate
    from mm.media.types import RGB
    from workers.context import WorkerContext
    from workers.tasks.lease import CheckLease

EXPECTED_STEPS = 200
"""Steps of the progress of teaching, about; their number depends on the marks."""


def teach_version(context: WorkerContext, job: JobRow, task: TaskRow, check: CheckLease) -> bool:
    """Teach the version of the job by the marks in force, and store the result as the next version.

    It becomes current only if held-out groups improve. The version is the same after any number of
    calls, as of `fit_version`. Returns False if the lease is lost.
    """
    name, catalog = str(job.payload["inspector"]), context.store.catalog
    store = InspectorStore(context.settings.root)
    version = find_stored(store, name, catalog.get_version_of_job(job.id))
    if version is None:
        candidate = _teach(context, job, task, check)
        check()
        comparison = candidate.comparison
        described = {**comparison.to_json(), "is_better": comparison.is_better, "statement": comparison.statement()}
        on_staged = partial(record_version, context, store, name, job.id, comparison=described)
        version = store.add(candidate.inspector, make_current=False, on_staged=on_staged).version
    row = catalog.get_version_of_job(job.id)
    is_better = row is not None and row.comparison is not None and bool(row.comparison["is_better"])
    if is_better:
        store.make_current(name, version)
    structlog.get_logger().info("inspector taught", inspector=name, version=version, is_current=is_better)
    return catalog.finish_version(task, context.owner)


def _teach(context: WorkerContext, job: JobRow, task: TaskRow, check: CheckLease) -> Candidate:
    name = str(job.payload["inspector"])
    inspector = require_patches(get_inspector(context.settings, name, int(str(job.payload["version"]))))
    good, read_image = open_examples(context, context.store.catalog.list_examples(name))
    marks = MarkStore(context.settings.root).list_marks(name)
    steps = report_steps(context, task, check, EXPECTED_STEPS)
    return teach(inspector, good, marks, _open_marked(context), read_image, on_progress=steps)


def _open_marked(context: WorkerContext) -> Callable[[str], RGB]:
    """A function that decodes the image of a mark: an item, or a frame of it at a time."""

    def open_image(image: str) -> RGB:
        item_id, _, time = image.partition("@")
        item = context.store.catalog.get_item(item_id)
        if item is None:
            raise InvalidInput(f"The marked item {item_id:.80} was deleted; undo its marks, or add the file again.")
        path = context.store.blobs.path(item.sha256)
        try:
            return context.reader.frame_at(path, item.name, float(time)) if time else context.reader.image(path, item.name)
        except NotFound as error:
            raise InvalidInput(f"The file of the marked item {item.name} is missing.") from error

    return open_image
