"""Arguments of the tools. An empty value means that the argument is not given.

Optional arguments have an empty default instead of null, because small models fill slots of one
type more reliably.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal

from pydantic import Field, field_validator

from mm.schemas import Kind, Model

MAX_QUERY_CHARS = 500
MAX_MOMENTS = 20
DATE = r"^(\d{4}-\d{2}-\d{2})?$"


def parse_day(text: str) -> datetime | None:
    """The start of a day in UTC, None for an empty text. Raises `ValueError` for no date."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC) if text else None


def parse_local_day(text: str) -> datetime | None:
    """The start of a day on the clock at a place, without an offset; otherwise as `parse_day`."""
    return datetime.fromisoformat(text) if text else None


class LibraryArguments(Model):
    """Restricts a tool to some items of the library."""

    item: str = Field("", max_length=255, description="Id or file name of one item to look in; empty for the whole library.")
    kinds: list[Kind] = Field([], max_length=3, description="Only items of these kinds; empty for all.")
    tags: list[str] = Field([], max_length=8, description="Only items with all of these tags.")
    uploaded_after: str = Field("", pattern=DATE, description="Only items uploaded on or after this day (UTC), as 2026-11-30.")
    uploaded_before: str = Field("", pattern=DATE, description="Only items uploaded before this day (UTC), as 2026-11-30.")

    taken_after: str = Field(
        "", pattern=DATE, description="Only items taken on or after this day where they were taken, as 2026-11-30."
    )
    taken_before: str = Field(
        "", pattern=DATE, description="Only items taken before this day where they were taken, as 2026-11-30."
    )
    camera: str = Field("", max_length=100, description="Only items whose make and model of the camera contain this text.")
    place: str = Field(
        "", max_length=200, description="Only items taken at this place: a city, region or country, as in Paris or Paris, France."
    )
    place_known: Literal["", "yes", "no"] = Field(
        "", description="Only items whose coordinates are known, or only those where they are not."
    )

    @field_validator("uploaded_after", "uploaded_before", "taken_after", "taken_before")
    @classmethod
    def _check_date(cls, value: str) -> str:
        parse_day(value)
        return value

    @property
    def has_place(self) -> bool | None:
        """Whether the coordinates are to be known; None for either."""
        return {"yes": True, "no": False}.get(self.place_known)


class SearchArguments(LibraryArguments):
    """Arguments of `search`."""

    query: str = Field(
        min_length=1, max_length=MAX_QUERY_CHARS, description="What is visible, spoken, written or audible, in plain words."
    )
    without: list[str] = Field([], max_length=4, description="What must be neither visible nor spoken.")
    limit: int = Field(5, ge=1, le=MAX_MOMENTS, description="Maximum number of moments.")


class DescribeArguments(Model):
    """Arguments of `describe`."""

    item: str = Field(min_length=1, max_length=255, description="Id or file name of the item.")
    start: float = Field(0.0, ge=0, allow_inf_nan=False, description="Seconds from its start, at which to begin.")
    limit: int = Field(20, ge=1, le=50, description="Maximum number of scenes.")


class CountArguments(LibraryArguments):
    """Arguments of `count`."""

    query: str = Field("", max_length=MAX_QUERY_CHARS, description="What to count, in plain words; empty counts the items.")


class WhenArguments(LibraryArguments):
    """Arguments of `when`."""

    query: str = Field(min_length=1, max_length=MAX_QUERY_CHARS, description="What happens at the times, in plain words.")
    limit: int = Field(10, ge=1, le=MAX_MOMENTS, description="Maximum number of times.")
