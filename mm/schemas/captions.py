"""Captions of images and scenes."""

from __future__ import annotations

from pydantic import Field

from mm.schemas.base import Model


class CaptionRequest(Model):
    """Items to be captioned. Stored captions are returned, others are written for the response."""

    items: list[str] = Field(min_length=1, max_length=100, description="Ids of images and videos.")


class Caption(Model):
    """A sentence of the language model about an image, or about a scene of a video."""

    item_id: str | None = Field(description="Null for an image that was sent with the request.")
    start: float = Field(description="Seconds; 0 for an image.")
    end: float
    text: str
    model: str = Field(description="The model that wrote it, with its version.")
    confidence: float | None = Field(
        None, description="Probability that it describes the image; null by a model that is given the image as a file."
    )


class CaptionList(Model):
    """Captions in the order of the items, and of time."""

    captions: list[Caption]
    notes: list[str] = Field(default=[], description="What was left out, in full sentences.")
