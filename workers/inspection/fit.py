"""Fits a version of an inspector on its examples, and stores its file and its row."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

import structlog

from mm.errors import InvalidInput
from mm.files import hash_file
from mm.inspection.fit import fit_inspector
from mm.inspection.logical.fit import fit_logical
from mm.inspection.mode_settings import parse_fit_settings, parse_logical_settings, parse_template_settings
from mm.inspection.store import InspectorStore
from mm.inspection.template.fit import fit_template
from mm.inspection.types import GoodImage
from workers.inspection.load import get_backbone

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from indexes.catalog.records import ExampleRow, JobRow, TaskRow, VersionRow
    from mm.inspection.inspector_file import AnyInspector
    from mm.media.types import RGB
    from workers.context import WorkerContext
    from workers.tasks.lease import CheckLease

REPORT_SECONDS = 1.0
"""Minimum interval of reports; each is a row that is sent to clients."""
PASSES = 2
"""Passes of a fit over the examples: the bank, then the held-out scores."""


def fit_version(context: WorkerContext, job: JobRow, task: TaskRow, check: CheckLease) -> bool:
    """Fit the inspector of the job and store it as its next version.

    The version is the same after any number of calls: its row is recorded before its file is
    linked, so that a call after a killed process finds what is stored. Returns False if the lease
    is lost.
    """
    name, catalog = str(job.payload["inspector"]), context.store.catalog
    store = InspectorStore(context.settings.root)
    version = find_stored(store, name, catalog.get_version_of_job(job.id))
    if version is None:
        fitted = _fit(context, job, task, check)
        check()
        version = store.add(fitted, make_current=False, on_staged=partial(record_version, context, store, name, job.id)).version
    if job.payload.get("make_current", True):
        store.make_current(name, version)
    structlog.get_logger().info("inspector fitted", inspector=name, version=version)
    return catalog.finish_version(task, context.owner)


def find_stored(store: InspectorStore, name: str, row: VersionRow | None) -> int | None:
    """The version that an earlier call of the job has stored, None if it has stored none."""
    if row is None:
        return None
    path = store.get_path(name, row.version)
    return row.version if path.exists() and hash_file(path) == row.sha256 else None


def record_version(
    context: WorkerContext,
    store: InspectorStore,
    name: str,
    job_id: str,
    version: int,
    sha256: str,
    comparison: Mapping[str, object] | None = None,
) -> None:
    """Record which file a job is about to store: the callback of `InspectorStore.add`."""
    stored = store.list_versions(name)
    context.store.catalog.add_pending_version(name, job_id, version, sha256, stored, comparison)


def _fit(context: WorkerContext, job: JobRow, task: TaskRow, check: CheckLease) -> AnyInspector:
    name, catalog = str(job.payload["inspector"]), context.store.catalog
    inspector = catalog.get_inspector(name)
    examples = catalog.list_examples(name)
    if inspector is None or not examples:
        raise InvalidInput(f"The inspector {name} has no examples any more.")
    good, read_image = open_examples(context, examples)
    steps = report_steps(context, task, check, PASSES * len(examples))
    if inspector.mode == "template":
        return fit_template(good, name, parse_template_settings(inspector.settings), read_image, steps)
    if inspector.mode == "logical":
        regions, logical = parse_logical_settings(inspector.settings)
        return fit_logical(good, name, regions, get_backbone(context.settings, logical.backbone), logical, read_image, steps)
    settings = parse_fit_settings(inspector.settings)
    return fit_inspector(good, name, get_backbone(context.settings, settings.backbone), settings, read_image, steps)


def open_examples(context: WorkerContext, examples: Sequence[ExampleRow]) -> tuple[list[GoodImage], Callable[[Path], RGB]]:
    """The images of examples, and the function that decodes one in the sandbox."""
    blobs = context.store.blobs
    names = {blobs.path(example.sha256): example.name for example in examples}

    def read_image(path: Path) -> RGB:
        return context.reader.image(path, names[path])

    return [GoodImage(blobs.path(example.sha256), example.group) for example in examples], read_image


def report_steps(context: WorkerContext, task: TaskRow, check: CheckLease, num_steps: int) -> Callable[[str], None]:
    """A callback for each step of a task: checks the lease and reports the progress."""
    steps, reported_at = 0, float("-inf")

    def on_progress(line: str) -> None:
        nonlocal steps, reported_at
        check()
        steps += 1
        if time.monotonic() - reported_at >= REPORT_SECONDS:
            reported_at = time.monotonic()
            context.store.catalog.report_task(task, steps / max(num_steps, 1), line)

    return on_progress
