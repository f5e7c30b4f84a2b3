"""Results of the tools. Times are seconds from the start of an item; 0 for an image."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from mm.schemas import Band, EvidenceKind, ItemStatus, Kind, Model


class FoundEvidence(Model):
    """Why a moment matches."""

    kind: EvidenceKind
    text: str = Field("", description="The words or the name of the sound; empty for image content.")


class FoundMoment(Model):
    """A time range that matches a query."""

    item: str = Field(description="Id of the item.")
    name: str = Field(description="File name of the item.")
    kind: Kind
    start: float
    end: float
    band: Band = Field(description="`likely`, or `possible` below the calibrated threshold.")
    score: float = Field(description="Calibrated probability of a match.")
    caption: str = Field("", description="What the image shows, as a language model describes it.")
    evidence: list[FoundEvidence] = Field(description="Strongest first.")


class Moments(Model):
    """Result of `search`, best first, and of `when`, in the order of time within each item."""

    moments: list[FoundMoment] = Field(description="Empty if nothing in the library matches.")
    notes: list[str] = Field(default=[], description="What the search could not take into account.")


class SceneDescription(Model):
    """What is known about one scene of an item."""

    start: float
    end: float
    caption: str = Field("", description="What the images show, as a language model describes them.")
    said: str = Field("", description="Recognized speech.")
    written: str = Field("", description="Recognized text in the images.")
    sounds: list[str] = Field(default=[], description="Names of other sounds.")


class ItemDescription(Model):
    """Result of `describe`."""

    item: str
    name: str
    kind: Kind
    duration: float = Field(description="Seconds; 0 for an image.")
    uploaded: datetime
    tags: list[str]
    status: ItemStatus = Field(description="Only a `ready` item has scenes.")
    scenes: list[SceneDescription]
    next: float | None = Field(None, description="`start` of the next call; null after the last scene.")


class ItemCount(Model):
    """The number of matching moments in one item."""

    item: str
    name: str
    moments: int


class Count(Model):
    """Result of `count`. Only likely matches are counted."""

    items: int = Field(description="Number of matching items.")
    moments: int | None = Field(None, description="Number of matching moments; null when items are counted without a query.")
    by_kind: dict[Kind, int] = Field(description="Number of matching items of each kind.")
    by_item: list[ItemCount] = Field(default=[], description="The items with the most matching moments.")
    is_complete: bool = Field(True, description="False if the search reached its limit, so that there may be more.")
