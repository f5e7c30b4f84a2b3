"""Inspectors of the service: rows of the catalog, joined with the versions in the inspector store.

An inspector that a command fitted has versions and no row; it gets a row with its first example.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from api.http.cursors import format_after, parse_after
from api.library import dispatch_job
from api.request_context import current_actor, current_client, current_request_id
from api.serializers import serialize_job
from indexes.catalog.audit import NewAudit
from mm.errors import Conflict, InvalidInput, NotFound
from mm.inspection.marks.observed import observe, read_marks
from mm.inspection.marks.store import MarkStore
from mm.inspection.mode_settings import check_mode_settings
from mm.inspection.records import describe
from mm.inspection.store import NAME, InspectorStore
from mm.inspection.summary import read_summary
from mm.schemas import Example, ExamplePage, FitJob, Inspector, InspectorVersion

if TYPE_CHECKING:
    from collections.abc import Mapping

    from api.service import Service
    from indexes.catalog.records import InspectorRow
    from mm.inspection.store import StoredInspector
    from mm.schemas import ExampleRequest, FitRequest, InspectorMode, InspectorRequest, JobKind


def create_inspector(service: Service, request: InspectorRequest) -> Inspector:
    """Add an inspector without versions. Raises `Conflict` if the name is in use, `InvalidInput`
    for settings that its mode does not have."""
    if InspectorStore(service.settings.root).list_versions(request.name):
        raise Conflict(f"An inspector named {request.name} exists; choose another name, or delete it first.")
    check_mode_settings(request.mode, request.settings, is_draft=True)
    row = service.store.catalog.add_inspector(request.name, request.mode, request.settings, current_actor())
    return _serialize(service, row.name, row, None)


def list_inspectors(service: Service) -> list[Inspector]:
    """All inspectors, by name."""
    rows = {row.name: row for row in service.store.catalog.list_inspectors()}
    stored = {inspector.name: inspector for inspector in InspectorStore(service.settings.root).list_all()}
    return [_serialize(service, name, rows.get(name), stored.get(name)) for name in sorted({*rows, *stored})]


def get_inspector(service: Service, name: str) -> Inspector:
    """An inspector with its versions. Raises `NotFound`."""
    row, stored = _find(service, name)
    return _serialize(service, name, row, stored)


def delete_inspector(service: Service, name: str) -> None:
    """Delete an inspector, its versions and its examples; its fits are cancelled.

    Raises `NotFound`.
    """
    _, stored = _find(service, name)
    service.store.catalog.delete_inspector(name, current_actor())
    if stored is not None:
        InspectorStore(service.settings.root).remove(name)


def make_current(service: Service, name: str, version: int) -> Inspector:
    """Use a version from now on, recorded in the audit log. Raises `NotFound`."""
    _, stored = _find(service, name)
    if stored is None or version not in stored.versions:
        raise NotFound(f"The inspector {name} has no version {version}.")
    new = NewAudit(action="inspector.current", subject=name, detail={"version": version, "before": stored.current})
    service.store.catalog.record_audit(current_actor(), new)
    InspectorStore(service.settings.root).make_current(name, version)
    return get_inspector(service, name)


def add_examples(service: Service, name: str, request: ExampleRequest) -> ExamplePage:
    """Add examples. Returns the first page. Raises `NotFound`, `InvalidInput`, `TooLarge`."""
    _require_row(service, name)
    pairs = [(example.item, example.group) for example in request.examples]
    service.store.catalog.add_examples(name, pairs, service.settings.max_examples, current_actor())
    return list_examples(service, name, None, 50)


def remove_example(service: Service, name: str, item_id: str) -> None:
    """Remove an example. Raises `NotFound`."""
    _find(service, name)
    if not service.store.catalog.remove_example(name, item_id, current_actor()):
        raise NotFound(f"The item {item_id!r:.80} is no example of the inspector {name}.")


def list_examples(service: Service, name: str, cursor: str | None, limit: int) -> ExamplePage:
    """A page of examples. Raises `NotFound`, and `InvalidInput` for a malformed cursor."""
    row, _ = _find(service, name)
    after = 0 if cursor is None else parse_after(cursor)
    rows = service.store.catalog.list_examples(name, after, limit + 1)
    return ExamplePage(
        examples=[Example(item=example.item_id, name=example.name, group=example.group) for example in rows[:limit]],
        total=0 if row is None else row.num_examples,
        num_groups=0 if row is None else row.num_groups,
        next=format_after(rows[limit - 1].pk) if len(rows) > limit else None,
    )


def fit(service: Service, name: str, request: FitRequest) -> FitJob:
    """Add the job that fits a version. Raises `NotFound`, and `Conflict` without examples."""
    row = _require_row(service, name)
    check_mode_settings(row.mode, row.settings if request.settings is None else request.settings)
    return _add_job(service, name, "fit", {"make_current": request.make_current}, request.settings)


def teach(service: Service, name: str) -> FitJob:
    """Add the job that teaches the current version by the marks in force.

    Raises `NotFound`, and `Conflict` without a version, without marks or without examples.
    """
    row, stored = _find(service, name)
    if stored is None:
        raise Conflict(f"The inspector {name} has no version yet; fit it first.")
    if row is not None and row.mode != "patches":
        raise InvalidInput(f"Marks teach inspectors of the mode `patches`, not `{row.mode}`.")
    if not MarkStore(service.settings.root).list_marks(name):
        raise Conflict(f"The inspector {name} has no marks; accept or reject results of its inspections first.")
    _require_row(service, name)
    return _add_job(service, name, "teach", {"version": stored.current}, None)


def _add_job(
    service: Service, name: str, kind: JobKind, payload: Mapping[str, object], settings: Mapping[str, object] | None
) -> FitJob:
    job = service.store.catalog.add_fit_job(
        name,
        kind,
        payload,
        settings=settings,
        by=current_actor(),
        request_id=current_request_id(),
        key_id=current_client().key_id,
    )
    if job is None:
        raise _unknown(name)
    dispatch_job(service.dispatcher, job.id)
    return FitJob(inspector=name, job=serialize_job(job))


def _find(service: Service, name: str) -> tuple[InspectorRow | None, StoredInspector | None]:
    """The row and the versions of an inspector, at least one of them. Raises `NotFound`."""
    if not NAME.fullmatch(name):
        raise _unknown(name)
    row = service.store.catalog.get_inspector(name)
    store = InspectorStore(service.settings.root)
    stored = store.get(name) if store.list_versions(name) else None
    if row is None and stored is None:
        raise _unknown(name)
    return row, stored


def _require_row(service: Service, name: str) -> InspectorRow:
    """The row of an inspector; one that a command fitted gets a row with its settings."""
    row, stored = _find(service, name)
    if row is None:
        assert stored is not None
        summary = read_summary(InspectorStore(service.settings.root).get_path(name, stored.current))
        row = service.store.catalog.add_inspector(name, summary.mode, summary.settings, current_actor())
    return row


def _unknown(name: str) -> NotFound:
    return NotFound(f"There is no inspector {name!r:.80}.")


def _serialize(service: Service, name: str, row: InspectorRow | None, stored: StoredInspector | None) -> Inspector:
    store = InspectorStore(service.settings.root)
    versions = [] if stored is None else _list_versions(service, store, stored)
    if row is None:
        assert stored is not None
        summary = read_summary(store.get_path(name, stored.current))
        return Inspector(
            name=name, mode=cast("InspectorMode", summary.mode), settings=dict(summary.settings), created_at=None,
            current=stored.current, versions=versions, num_examples=0, num_groups=0,
        )  # fmt: skip
    return Inspector(
        name=name,
        mode=cast("InspectorMode", row.mode),
        settings=dict(row.settings),
        created_at=row.created_at,
        current=None if stored is None else stored.current,
        versions=versions,
        num_examples=row.num_examples,
        num_groups=row.num_groups,
    )


def _list_versions(service: Service, store: InspectorStore, stored: StoredInspector) -> list[InspectorVersion]:
    """The versions whose files exist, with what the catalog has of those that it recorded."""
    fitted = {row.version: row for row in service.store.catalog.list_inspector_versions(stored.name) if row.is_ready}
    versions, marks = [], read_marks(service.settings.root, stored.name)
    for version in stored.versions:
        row, summary = fitted.get(version), read_summary(store.get_path(stored.name, version))
        versions.append(
            InspectorVersion(
                version=version,
                is_current=version == stored.current,
                created_at=None if row is None else row.created_at,
                job_id=None if row is None else row.job_id,
                settings=dict(summary.settings),
                threshold=describe(observe(summary.threshold, marks, version)),
                comparison=None if row is None or row.comparison is None else dict(row.comparison),
            )
        )
    return versions
