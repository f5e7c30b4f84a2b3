"""Results of checks."""

from __future__ import annotations

from collections.abc import Callable

from mm.errors import MMError
from mm.schemas import Check


def passed(name: str, detail: str) -> Check:
    return Check(name=name, ok=True, detail=detail)


def failed(name: str, detail: str) -> Check:
    return Check(name=name, ok=False, detail=detail)


def optional(name: str, detail: str, *, ok: bool) -> Check:
    """The result of a check that the service does not depend on."""
    return Check(name=name, ok=ok, detail=detail, required=False)


def run_check(name: str, check: Callable[[], str]) -> Check:
    """Passed with the detail that `check` returns, or failed with the `MMError` that it raises."""
    try:
        return passed(name, check())
    except MMError as error:
        return failed(name, str(error))


def first_line(error: Exception) -> str:
    """The first line of an error of a library, without the full stop."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
