"""Inspectors: create, examples, fit, versions, make current, delete."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pydantic import JsonValue

from mm.client.flows.jobs import OnProgress, wait_for
from mm.client.paths import quote_id
from mm.client.responses import parse_body, read_body
from mm.client.steps import Flow, Send
from mm.errors import Conflict
from mm.schemas import (
    CurrentRequest,
    ExamplePage,
    ExampleRequest,
    FitJob,
    FitRequest,
    InspectionMark,
    InspectionMarkList,
    Inspector,
    InspectorList,
    InspectorMode,
    InspectorRequest,
    InspectorVersion,
    InspectorVersionList,
    NewExample,
)


def create(name: str, *, mode: InspectorMode = "patches", settings: Mapping[str, JsonValue] | None = None) -> Flow[Inspector]:
    """Create an inspector; `settings` are those of the mode that differ from their defaults.

    Raises `Conflict` if the name is in use, `InvalidInput`.
    """
    request = InspectorRequest.model_construct(name=name, mode=mode, settings=dict(settings or {}))
    return parse_body((yield from Send("POST", "/v1/inspectors", json=request.model_dump())), Inspector)


def list_all() -> Flow[list[Inspector]]:
    """List all inspectors by name."""
    return parse_body((yield from Send("GET", "/v1/inspectors")), InspectorList).data


def get(name: str) -> Flow[Inspector]:
    """Get an inspector with its versions. Raises `NotFound`."""
    return parse_body((yield from Send("GET", inspector_path(name))), Inspector)


def delete(name: str) -> Flow[None]:
    """Delete an inspector with its versions, examples and marks. Raises `NotFound`."""
    read_body((yield from Send("DELETE", inspector_path(name))))


def add_examples(name: str, items: Sequence[str] | Mapping[str, str]) -> Flow[ExamplePage]:
    """Add images of good parts by id; a mapping gives the group of each: its part or batch.

    Raises `NotFound` for an unknown inspector or item, `InvalidInput` for an item that is no image,
    `TooLarge`.
    """
    pairs = items.items() if isinstance(items, Mapping) else [(item, None) for item in items]
    examples = [NewExample.model_construct(item=item, group=group) for item, group in pairs]
    request = ExampleRequest.model_construct(examples=examples)
    return parse_body((yield from Send("POST", f"{inspector_path(name)}/examples", json=request.model_dump())), ExamplePage)


def examples(name: str, *, cursor: str | None = None, limit: int = 50) -> Flow[ExamplePage]:
    """List a page of the examples of an inspector. Raises `NotFound`."""
    params: dict[str, str | int] = {"limit": limit} if cursor is None else {"limit": limit, "cursor": cursor}
    return parse_body((yield from Send("GET", f"{inspector_path(name)}/examples", params=params)), ExamplePage)


def remove_example(name: str, item_id: str) -> Flow[None]:
    """Remove an image from the examples. Raises `NotFound`."""
    read_body((yield from Send("DELETE", f"{inspector_path(name)}/examples/{quote_id(item_id)}")))


def fit(
    name: str,
    *,
    settings: Mapping[str, JsonValue] | None = None,
    make_current: bool = True,
    wait: bool = False,
    on_progress: OnProgress | None = None,
) -> Flow[FitJob]:
    """Fit a version on the examples; `settings` replaces those of the inspector.

    With `wait`, return when the version is stored. Raises `NotFound`, and `Conflict` without
    examples or, with `wait`, when the fit fails.
    """
    request = FitRequest(settings=None if settings is None else dict(settings), make_current=make_current)
    result = parse_body((yield from Send("POST", f"{inspector_path(name)}/fit", json=request.model_dump())), FitJob)
    return (yield from wait_for_version(result, on_progress)) if wait else result


def teach(name: str, *, wait: bool = False, on_progress: OnProgress | None = None) -> Flow[FitJob]:
    """Teach the current version by the marks of its results; only a better one becomes current.

    With `wait`, return when the new version is stored; its `comparison` says what it learned.
    Raises `NotFound`, and `Conflict` without a version, marks or examples, or with `wait` when it
    fails.
    """
    result = parse_body((yield from Send("POST", f"{inspector_path(name)}/teach")), FitJob)
    return (yield from wait_for_version(result, on_progress)) if wait else result


def versions(name: str) -> Flow[list[InspectorVersion]]:
    """List the versions of an inspector, in ascending order. Raises `NotFound`."""
    return parse_body((yield from Send("GET", f"{inspector_path(name)}/versions")), InspectorVersionList).data


def marks(name: str) -> Flow[list[InspectionMark]]:
    """List the marks in force of an inspector, the earliest first. Raises `NotFound`."""
    return parse_body((yield from Send("GET", f"{inspector_path(name)}/marks")), InspectionMarkList).data


def undo_mark(name: str, mark_id: str) -> Flow[None]:
    """Undo a mark of an inspector. Raises `NotFound`."""
    read_body((yield from Send("DELETE", f"{inspector_path(name)}/marks/{quote_id(mark_id)}")))


def make_current(name: str, version: int) -> Flow[Inspector]:
    """Use a version from now on, a later one or, to undo, an earlier one. Raises `NotFound`."""
    request = CurrentRequest.model_construct(version=version)
    return parse_body((yield from Send("POST", f"{inspector_path(name)}/current", json=request.model_dump())), Inspector)


def wait_for_version(result: FitJob, on_progress: OnProgress | None) -> Flow[FitJob]:
    """Wait for the job that stores a version. Raises `Conflict` with the reason when it fails."""
    finished = yield from wait_for(result.job.id, on_progress=on_progress)
    if finished.state != "done":
        reason = finished.error or "the service reports no reason."
        raise Conflict(f"The inspector {result.inspector} was not fitted, the job is {finished.state}: {reason}")
    return FitJob(inspector=result.inspector, job=finished)


def inspector_path(name: str) -> str:
    return f"/v1/inspectors/{quote_id(name)}"
