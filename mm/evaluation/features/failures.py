"""Files of a set that cannot be read: left out and counted, or an error of the whole command."""

from __future__ import annotations

from collections.abc import Sequence

from mm.data.sets.types import SetItem
from mm.errors import InvalidInput, MMError
from mm.evaluation.runs.types import FailedItem

WITHOUT_STRICT = "Without `--strict` such files are counted and left out."


def leave_out(item: SetItem, reason: MMError | str, *, strict: bool) -> FailedItem:
    """The item with the reason. With `strict` raises `InvalidInput`.

    The name of the file at the start of a reason is left out, since the id has it.
    """
    name = item.path.name if item.path else item.id
    failed = FailedItem(id=item.id, reason=str(reason).removeprefix(f"{name}: "))
    if strict:
        refuse([failed])
    return failed


def refuse(failed: Sequence[FailedItem]) -> None:
    """Raise `InvalidInput` for the first item that cannot be read, if there is one."""
    if failed:
        raise InvalidInput(f"{failed[0].id}: {failed[0].reason} {WITHOUT_STRICT}")


def require_complete(missing: Sequence[str]) -> None:
    """Raise `InvalidInput` where items have no file."""
    if missing:
        raise InvalidInput(f"{describe_missing(missing, 1)} {WITHOUT_STRICT}")


def describe_missing(missing: Sequence[str], most: int) -> str:
    """A sentence with the number of files that are missing, and the names of `most` of them."""
    count = "1 file of the annotations is" if len(missing) == 1 else f"{len(missing):,} files of the annotations are"
    return f"{count} missing: {', '.join(missing[:most])}{', ...' if len(missing) > most else ''}."
