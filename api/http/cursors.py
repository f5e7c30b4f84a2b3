"""Cursors of lists in ascending order of a key."""

from __future__ import annotations

import re

from mm.errors import InvalidInput

_CURSOR = re.compile(r"after-([0-9]{1,18})")


def format_after(key: int) -> str:
    """Return the cursor of the page that follows the row with `key`."""
    return f"after-{key}"


def parse_after(cursor: str) -> int:
    """Return the key in a cursor. Raises `InvalidInput` for a malformed one."""
    match = _CURSOR.fullmatch(cursor)
    if match is None:
        raise InvalidInput("The cursor is malformed: pass the `next` value of a page of this list.")
    return int(match[1])
