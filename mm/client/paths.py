"""URL paths of items and jobs."""

from __future__ import annotations

from urllib.parse import quote

from mm.errors import InvalidInput


def quote_id(text: str) -> str:
    """Quote an id as one path segment. Raises `InvalidInput` for an empty or relative one."""
    if not text or text in {".", ".."}:
        raise InvalidInput(f"{text!r} is not an id.")
    return quote(text, safe="")


def item_path(item_id: str) -> str:
    return f"/v1/media/{quote_id(item_id)}"


def job_path(job_id: str) -> str:
    return f"/v1/jobs/{quote_id(job_id)}"
