"""Items, their tags and segments, and the responses to uploads and imports."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

from pydantic import Field

from mm.schemas.base import Model
from mm.schemas.jobs import Job

Kind = Literal["image", "video", "audio"]
ItemSort = Literal["newest", "oldest", "taken", "taken-oldest", "name", "longest", "largest", "favourite"]
ItemStatus = Literal["processing", "ready", "failed", "quarantined", "cancelled"]


class Capture(Model):
    """When, where and with what a file was taken, by the metadata in it; null is unknown."""

    taken_at: datetime | None = Field(
        None,
        description="Time on the clock at the place: with the offset from UTC if the file states it, else without one.",
    )
    make: str | None = Field(None, description="Maker of the camera.")
    model: str | None = None
    lens: str | None = None
    orientation: int = Field(1, ge=1, le=8, description="Of the stored image, as in Exif; sizes and thumbnails are upright.")
    latitude: float | None = Field(None, ge=-90, le=90, description="Degrees, WGS 84.")
    longitude: float | None = Field(None, ge=-180, le=180)
    altitude: float | None = Field(None, description="Metres above sea level.")
    place: str | None = Field(
        None,
        description="Name of the place at the coordinates, `City, Region, Country`, after `near ` if it is some kilometres "
        "away; null where no place is near, and until a worker has looked it up.",
    )


class SpokenLanguage(Model):
    """A language of the speech of an item."""

    language: str = Field(description="Code, such as `en`.")
    seconds: float = Field(description="Length of its lines, without pauses.")
    identified: bool = Field(
        description="Whether it was found from the sound. Otherwise it is assumed: Moonshine hears all speech as English."
    )


class Item(Model):
    """One uploaded file."""

    id: str = Field(description="First 32 hex digits of the SHA-256 of the bytes.")
    name: str = Field(description="File name at upload, or the name that a person gave it since.")
    kind: Kind
    content_type: str
    size: int = Field(description="Bytes.")
    duration: float = Field(description="Seconds; 0 for an image.")
    width: int = Field(description="Pixels as shown, after rotation; 0 for audio.")
    height: int
    tags: list[str]
    status: ItemStatus
    error: str | None = Field(None, description="Why the item failed or is quarantined.")
    created_at: datetime
    notes: list[str] = Field(default=[], description="What of the file is not read, in full sentences.")
    unread_pictures: int = Field(
        0, ge=0, description="Images of the item in which text has not been recognized yet; their text is not searchable yet."
    )
    read_pictures: int = Field(
        0, ge=0, description="Images of the item on which text recognition has run; 0 if an earlier version did it."
    )
    failed_pictures: int = Field(
        0, ge=0, description="Images of the item whose text could not be recognized; `notes` has the reasons."
    )
    caption: str | None = Field(
        None, description="Sentence of the language model about the image, or the first scene of the video; null if none yet."
    )
    capture: Capture | None = Field(
        None, description="When, where and with what it was taken; null if that was not read, or is hidden by `MM_METADATA`."
    )
    language: str | None = Field(
        None, description="Code of the language of most of its speech; null without speech, and if an earlier version added it."
    )
    languages: list[SpokenLanguage] = Field(default=[], description="All languages of its speech, the longest first.")
    favourite: bool = False
    version: int = Field(1, ge=1, description="Increases with each change of name, tags or favourite.")


class Upload(Model):
    """Response to an upload. `created` is false when the library already had the same bytes."""

    item: Item
    job: Job
    created: bool


class ItemPage(Model):
    """One page of items. Pass `next` as `cursor` to get the following page."""

    items: list[Item]
    next: str | None = Field(None, description="Null on the last page, and when `offset` was given.")
    total: int | None = Field(None, description="Number of matching items; only when `offset` was given.")


class TagCount(Model):
    """A tag and the number of items that have it."""

    tag: str
    items: int


class TagList(Model):
    """The tags in use, most frequent first."""

    data: list[TagCount]


class DayCount(Model):
    """A day and the number of items that were taken on it."""

    day: date
    items: int


class Timeline(Model):
    """The days of a library, latest first."""

    days: list[DayCount]


class CameraCount(Model):
    """A camera and the number of items that were taken with it."""

    camera: str = Field(description="Make and model.")
    items: int


class CameraList(Model):
    """The cameras of a library, most frequent first."""

    data: list[CameraCount]


class PlaceCount(Model):
    """A place and the number of items that were taken there."""

    place: str = Field(description="As `place` of `capture`.")
    items: int


class PlaceList(Model):
    """The places of a library, most frequent first."""

    data: list[PlaceCount]


class Line(Model):
    """A line of recognized speech."""

    start: float
    end: float
    text: str


class Segment(Model):
    """A time range of an item; the unit that a search finds."""

    start: float
    end: float
    shot: int = Field(description="Number of the shot; segments between the same two cuts have the same number.")
    scene_start: float | None = Field(None, description="Start of the scene that contains the segment; null without scenes.")
    scene_end: float | None = None
    said: list[Line]
    caption: str | None = Field(None, description="Sentence of the language model about the scene; null if none is written yet.")


class SegmentPage(Model):
    """Segments in order of time. Pass `next` as `after` to get the following page."""

    segments: list[Segment]
    next: float | None = Field(None, description="Seconds; null on the last page.")


class ImportRequest(Model):
    """A folder below `MM_IMPORT_ROOT` on the server."""

    folder: str
    tags: list[str] = Field(default=[])


class ImportResponse(Model):
    """Result of an import, file by file."""

    uploads: list[Upload]
    refused: dict[str, str] = Field(description="Path below the folder -> reason for the refusal.")
