"""The file of an export of hits or of an album, in each format."""

from __future__ import annotations

from typing import TYPE_CHECKING

from api.export.rows import ExportRow
from api.export.sheet import write_sheet
from api.export.table import write_csv

if TYPE_CHECKING:
    import threading

    from api.service import Service
    from mm.schemas import AlbumExport, HitExportFormat, SearchResponse

MEDIA_TYPES: dict[HitExportFormat, str] = {
    "csv": "text/csv; charset=utf-8",
    "json": "application/json",
    "html": "text/html; charset=utf-8",
}
SHEET_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "sandbox; default-src 'none'; img-src data:; style-src 'unsafe-inline'",
}
"""A contact sheet has names and texts of files: it runs nothing and loads nothing."""


def write_hits(service: Service, response: SearchResponse, export_format: HitExportFormat, cancelled: threading.Event) -> bytes:
    """The file of the hits of a search. Blocks.

    Raises `InvalidInput` for a contact sheet of too many hits, `Cancelled` once the event is set.
    """
    if export_format == "json":
        return response.model_dump_json(indent=2).encode()
    rows = [ExportRow.from_hit(hit) for hit in response.hits]
    if export_format == "csv":
        return write_csv(rows)
    without = f", without {', '.join(response.without)}" if response.without else ""
    facts = f"{len(rows)} hits, space {response.space}, likely from {response.likely_floor:.2f}."
    return write_sheet(service, f"{response.text or 'Hits'}{without}", facts, rows, cancelled)


def write_album(service: Service, album: AlbumExport, export_format: HitExportFormat, cancelled: threading.Event) -> bytes:
    """The file of an album. Blocks. Raises as `write_hits`."""
    if export_format == "json":
        return album.model_dump_json(indent=2).encode()
    rows = [ExportRow.from_entry(entry) for entry in album.entries]
    if export_format == "csv":
        return write_csv(rows)
    facts = f"{len(rows)} entries. {album.album.note}".rstrip()
    return write_sheet(service, album.album.name, facts, rows, cancelled)
