"""Cursors of lists that go from the newest row to the oldest: the key of the last row of a page."""

from __future__ import annotations

import re

from mm.errors import InvalidInput

_CURSOR = re.compile(r"before-([1-9][0-9]{0,17})")


def before(pk: int) -> str:
    """The cursor of the page behind the row `pk`."""
    return f"before-{pk}"


def parse_cursor(cursor: str) -> int:
    """The key that a cursor holds. Raises `InvalidInput` for one that no page gave."""
    found = _CURSOR.fullmatch(cursor)
    if found is None:
        raise InvalidInput("The cursor was not given by a page of this list.")
    return int(found[1])
