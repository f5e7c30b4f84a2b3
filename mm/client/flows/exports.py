"""Exports of clips: jobs that cut time ranges of items."""

from __future__ import annotations

from collections.abc import Sequence

from mm.client.flows.jobs import OnProgress, wait_for
from mm.client.paths import quote_id
from mm.client.responses import parse_body, read_body
from mm.client.steps import Flow, Send
from mm.schemas import EntrySpec, Export, ExportList, ExportRequest


def create(clips: Sequence[EntrySpec] = (), *, album: str | None = None, exact: bool = False) -> Flow[Export]:
    """Start an export of time ranges of items, or of the entries of an album.

    Without `exact`, clips are copied from the last key frame at or before their start on. Raises
    `InvalidInput` for a range outside its item, `NotFound`, `TooLarge`.
    """
    request = ExportRequest(clips=list(clips), album=album, exact=exact)
    return parse_body((yield from Send("POST", "/v1/exports", json=request.model_dump())), Export)


def list_all(*, limit: int = 20) -> Flow[list[Export]]:
    """List the latest exports."""
    return parse_body((yield from Send("GET", "/v1/exports", params={"limit": limit})), ExportList).exports


def get(export_id: str) -> Flow[Export]:
    """Get an export. Raises `NotFound`."""
    return parse_body((yield from Send("GET", _path(export_id))), Export)


def wait(export_id: str, *, on_progress: OnProgress | None = None) -> Flow[Export]:
    """Wait until an export is over, whatever its final state. Raises `NotFound`."""
    yield from wait_for(export_id, on_progress=on_progress)
    return (yield from get(export_id))


def content(export_id: str) -> Flow[bytes]:
    """Get the file of an export: its only clip, or a ZIP file of all with a manifest.

    Raises `Conflict` for one that is not done, `NotFound` for one that has expired.
    """
    return read_body((yield from Send("GET", f"{_path(export_id)}/content")))


def delete(export_id: str) -> Flow[None]:
    """Cancel an export and delete its files. Raises `NotFound`."""
    read_body((yield from Send("DELETE", _path(export_id))))


def _path(export_id: str) -> str:
    return f"/v1/exports/{quote_id(export_id)}"
