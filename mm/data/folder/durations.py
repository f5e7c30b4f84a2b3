"""Compares moments of a table with the durations of the files themselves."""

from __future__ import annotations

from collections.abc import Sequence

from mm.data.folder.items import TableItem
from mm.data.sets.problems import ProblemList
from mm.data.sets.types import Problem
from mm.errors import MediaError, UnsupportedMedia
from mm.media import MediaReader

NUM_PROBED = 200
"""Files whose duration is read: each takes some hundredths of a second."""
TOLERANCE = 0.5
"""Seconds by which a moment may end after its file: annotators round."""


def check_ends(items: Sequence[TableItem], reader: MediaReader) -> list[Problem]:
    """Report moments that end after their file, and files that cannot be opened.

    Of more than `NUM_PROBED` files with moments the first are read, which is reported too.
    """
    problems = ProblemList()
    with_moments = [found for found in items if found.item.moments and found.item.path is not None]
    for found in with_moments[:NUM_PROBED]:
        assert found.item.path is not None
        try:
            duration = reader.probe(found.item.path, found.item.path.name).duration
        except (MediaError, UnsupportedMedia) as error:
            problems.warn("unreadable file", found.where, f"{error}.".replace("..", "."))
            continue
        last = max(moment.end for moment in found.item.moments)
        if last > duration + TOLERANCE:
            problems.warn("moment after the end", found.where, f"a moment ends at {last:g} s, the file at {duration:.1f} s.")
    if len(with_moments) > NUM_PROBED:
        what = f"the durations of the first {NUM_PROBED} of {len(with_moments)} files were compared."
        problems.warn("files not compared", "moments", what)
    return problems.listed()
