"""Hits or entries of an album as a contact sheet: one HTML file with its images."""

from __future__ import annotations

import base64
import html
from typing import TYPE_CHECKING

from mm.errors import InvalidInput, MMError

if TYPE_CHECKING:
    import threading
    from collections.abc import Sequence

    from api.export.rows import ExportRow
    from api.service import Service

MAX_ROWS = 200
"""Each has a thumbnail that may have to be decoded."""
THUMBNAIL_SIZE = 320
STYLE = """
body { margin: 1.5rem; font: 14px/1.4 system-ui, sans-serif; color: #191b1f; background: #fff; }
ol { display: grid; grid-template-columns: repeat(auto-fill, minmax(200px, 1fr)); gap: 1rem; padding: 0; list-style: none; }
li { break-inside: avoid; }
img, .none { display: block; width: 100%; aspect-ratio: 16 / 10; object-fit: cover; background: #ececea; }
p { margin: .2rem 0; overflow-wrap: anywhere; }
.muted { color: #5c6169; }
"""


def write_sheet(service: Service, title: str, facts: str, rows: Sequence[ExportRow], cancelled: threading.Event) -> bytes:
    """A page with a title, a line of facts, and an entry for each row. Blocks.

    Raises `InvalidInput` for too many rows, `Cancelled` once the event is set.
    """
    if len(rows) > MAX_ROWS:
        raise InvalidInput(f"A contact sheet has at most {MAX_ROWS} entries, not {len(rows):,}; CSV and JSON have no such limit.")
    entries = "".join(_write_entry(service, row, cancelled) for row in rows)
    title = html.escape(title)
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" '
        f'content="{policy}"><meta name="viewport" content="width=device-width"><title>{title}</title><style>{STYLE}</style>'
        f"</head><body><h1>{title}</h1><p class='muted'>{html.escape(facts)}</p><ol>{entries}</ol></body></html>"
    ).encode()


def _write_entry(service: Service, row: ExportRow, cancelled: threading.Event) -> str:
    picture = _read_thumbnail(service, row, cancelled)
    name, caption = html.escape(row.item.name), html.escape(row.caption)
    image = '<span class="none"></span>'
    if picture is not None:
        image = f'<img alt="{name}" src="data:image/webp;base64,{base64.b64encode(picture).decode()}">'
    span = f"{_clock(row.start)} to {_clock(row.end)}" if row.end > row.start else ""
    score = "" if row.score is None else f"{row.band}, {row.score:.2f}"
    facts = ", ".join(fact for fact in (span, score, f"id {row.item.id}") if fact)
    words = html.escape(row.words)
    return f"<li>{image}<p><strong>{name}</strong></p><p class='muted'>{facts}</p><p>{caption}</p><p>{words}</p></li>"


def _read_thumbnail(service: Service, row: ExportRow, cancelled: threading.Event) -> bytes | None:
    """The thumbnail of a row; None for a file that cannot be read any more."""
    item = service.store.catalog.get_item(row.item.id)
    if item is None:
        return None
    path = service.store.blobs.path(item.sha256)
    try:
        return service.thumbnails.render(item, path, row.thumbnail_time, THUMBNAIL_SIZE, cancelled)
    except MMError:
        if cancelled.is_set():
            raise
        return None


def _clock(seconds: float) -> str:
    minutes, second = divmod(seconds, 60)
    hours, minute = divmod(int(minutes), 60)
    return f"{hours}:{minute:02}:{second:04.1f}" if hours else f"{minute}:{second:04.1f}"
