"""Exports of the hits of a search: CSV, JSON, or a contact sheet, one HTML file with its images."""

from __future__ import annotations

import base64
import csv
import html
import io
from typing import TYPE_CHECKING

from mm.errors import InvalidInput, MMError

if TYPE_CHECKING:
    import threading
    from collections.abc import Sequence

    from api.service import Service
    from mm.schemas import Hit, HitExportFormat, SearchResponse

MEDIA_TYPES: dict[HitExportFormat, str] = {
    "csv": "text/csv; charset=utf-8",
    "json": "application/json",
    "html": "text/html; charset=utf-8",
}
MAX_SHEET = 200
"""Hits of a contact sheet; each has a thumbnail that may have to be decoded."""
THUMBNAIL_SIZE = 320
COLUMNS = (
    "rank", "band", "score", "item", "name", "kind", "start", "end", "best_start", "best_end", "tags", "favourite", "taken_at",
    "uploaded_at", "caption", "evidence",
)  # fmt: skip
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""Beginnings of a text that spreadsheets read as a formula."""
STYLE = """
body { margin: 1.5rem; font: 14px/1.4 system-ui, sans-serif; color: #191b1f; background: #fff; }
ol { display: grid; grid-template-columns: repeat(auto-fill, minmax(200px, 1fr)); gap: 1rem; padding: 0; list-style: none; }
li { break-inside: avoid; }
img, .none { display: block; width: 100%; aspect-ratio: 16 / 10; object-fit: cover; background: #ececea; }
p { margin: .2rem 0; overflow-wrap: anywhere; }
.muted { color: #5c6169; }
"""


def write_hits(service: Service, response: SearchResponse, export_format: HitExportFormat, cancelled: threading.Event) -> bytes:
    """The file of an export. Blocks.

    Raises `InvalidInput` for a contact sheet of too many hits, `Cancelled` once the event is set.
    """
    if export_format == "json":
        return response.model_dump_json(indent=2).encode()
    if export_format == "csv":
        return _write_csv(response.hits)
    if len(response.hits) > MAX_SHEET:
        raise InvalidInput(f"A contact sheet has at most {MAX_SHEET} hits, not {len(response.hits):,}: reduce k.")
    return _write_sheet(service, response, cancelled)


def _write_csv(hits: Sequence[Hit]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for rank, hit in enumerate(hits, 1):
        item, taken = hit.item, hit.item.capture.taken_at if hit.item.capture is not None else None
        evidence = "; ".join(f"{piece.kind} {piece.score:.3f}{f' {piece.text}' if piece.text else ''}" for piece in hit.evidence)
        values = (
            rank, hit.band, f"{hit.score:.6f}", item.id, item.name, item.kind, f"{hit.start:.3f}", f"{hit.end:.3f}",
            f"{hit.best_start:.3f}", f"{hit.best_end:.3f}", " ".join(item.tags), str(item.favourite).lower(),
            "" if taken is None else taken.isoformat(), item.created_at.isoformat(), hit.caption or "", evidence,
        )  # fmt: skip
        writer.writerow([_escape_formula(str(value)) for value in values])
    return b"\xef\xbb\xbf" + text.getvalue().encode()  # with the mark by which spreadsheets detect UTF-8


def _escape_formula(value: str) -> str:
    return f"'{value}" if value.startswith(FORMULA) else value


def _write_sheet(service: Service, response: SearchResponse, cancelled: threading.Event) -> bytes:
    entries = "".join(_write_entry(service, hit, cancelled) for hit in response.hits)
    title = html.escape(response.text or "Hits")
    without = f", without {html.escape(', '.join(response.without))}" if response.without else ""
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" '
        f'content="{policy}"><meta name="viewport" content="width=device-width"><title>{title}</title><style>{STYLE}</style>'
        f"</head><body><h1>{title}{without}</h1><p class='muted'>{len(response.hits)} hits, space {html.escape(response.space)}, "
        f"likely from {response.likely_floor:.2f}.</p><ol>{entries}</ol></body></html>"
    ).encode()


def _write_entry(service: Service, hit: Hit, cancelled: threading.Event) -> str:
    picture = _read_thumbnail(service, hit, cancelled)
    name, caption = html.escape(hit.item.name), html.escape(hit.caption or "")
    image = '<span class="none"></span>'
    if picture is not None:
        image = f'<img alt="{name}" src="data:image/webp;base64,{base64.b64encode(picture).decode()}">'
    span = f"{_clock(hit.start)} to {_clock(hit.end)}, " if hit.end > hit.start else ""
    words = next((piece.text for piece in hit.evidence if piece.kind in {"speech", "written"} and piece.text), "")
    return (
        f"<li>{image}<p><strong>{name}</strong></p><p class='muted'>{span}{hit.band}, {hit.score:.2f}, id {hit.item.id}</p>"
        f"<p>{caption}</p><p>{html.escape(words or '')}</p></li>"
    )


def _read_thumbnail(service: Service, hit: Hit, cancelled: threading.Event) -> bytes | None:
    """The thumbnail of a hit; None for a file that cannot be read any more."""
    item = service.store.catalog.get_item(hit.item.id)
    if item is None:
        return None
    time = float(hit.thumbnail.rpartition("t=")[2])
    try:
        return service.thumbnails.render(item, service.store.blobs.path(item.sha256), time, THUMBNAIL_SIZE, cancelled)
    except MMError:
        if cancelled.is_set():
            raise
        return None


def _clock(seconds: float) -> str:
    minutes, second = divmod(seconds, 60)
    hours, minute = divmod(int(minutes), 60)
    return f"{hours}:{minute:02}:{second:04.1f}" if hours else f"{minute}:{second:04.1f}"
