"""Cursors of lists in descending key order: each is the key of the last row of a page."""

from __future__ import annotations

import re

from mm.errors import InvalidInput

_CURSOR = re.compile(r"before-([1-9][0-9]{0,17})")


def format_cursor(pk: int) -> str:
    """Return the cursor of the page that follows the row `pk`."""
    return f"before-{pk}"


def parse_cursor(cursor: str) -> int:
    """Return the key in a cursor. Raises `InvalidInput` for a malformed one."""
    match = _CURSOR.fullmatch(cursor)
    if match is None:
        raise InvalidInput("The cursor is malformed: pass the `next` value of a page of this list.")
    return int(match[1])
