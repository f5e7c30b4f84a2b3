"""Lines of parts: a source of frames, an inspector, and one verdict for each part."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field, model_validator

from mm.schemas.base import Model, Pair

LineState = Literal["starting", "running", "restarting", "stopped", "ended", "failed"]
PartVerdict = Literal["PASS", "FAIL", "UNDECIDED"]


class LineSource(Model):
    """Where the frames come from: exactly one of `camera`, `folder` and `item`."""

    camera: str | None = Field(
        None, max_length=2000, repr=False, description="rtsp:// or rtsps:// address, with user and password."
    )
    folder: str | None = Field(None, max_length=4096, description="Folder below MM_IMPORT_ROOT that is being filled with images.")
    item: str | None = Field(None, max_length=64, description="Id of a video of the library.")
    pattern: str = Field("", max_length=500, description="Of file names in a folder, with `(?P<part>...)`, the id of the part.")
    images_per_part: int = Field(0, ge=0, le=1000, description="Images of a part in a folder; 0 waits 2 s for more.")
    once: bool = Field(False, description="Whether a folder ends after the images that are there at the start.")
    fps: float = Field(
        30.0, gt=0, le=30, description="Most frames a second that are looked at, of a camera or a video; others are left out."
    )
    pace: bool = Field(False, description="Whether a video is replayed in real time, as a camera.")

    @model_validator(mode="after")
    def _check_source(self) -> LineSource:
        if sum(bool(value) for value in (self.camera, self.folder, self.item)) != 1:
            raise ValueError("name exactly one of camera, folder and item")
        return self


class LineWebhook(Model):
    """Verdicts are posted as JSON, signed after Standard Webhooks."""

    url: str = Field(max_length=2000, repr=False)
    secret: str = Field(max_length=500, repr=False, description="`whsec_` and base64; never returned.")


class LineOpcua(Model):
    """Verdicts are written to variables below a node."""

    url: str = Field(max_length=2000, repr=False)
    node: str = Field(max_length=500)


class LineSinks(Model):
    """Where verdicts are sent, besides the journal and the CSV file of the line."""

    webhook: LineWebhook | None = None
    mqtt: str | None = Field(None, max_length=2000, repr=False, description="mqtt://USER:PASSWORD@HOST:PORT/TOPIC, or mqtts://.")
    opcua: LineOpcua | None = None


class LineRequest(Model):
    """A new line."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")
    inspector: str = Field(min_length=1, max_length=64, description="Name of an inspector; its current version at each start.")
    source: LineSource
    sinks: LineSinks = LineSinks()
    region: list[Pair] | None = Field(
        None,
        min_length=3,
        max_length=1000,
        description="Corners of the region of interest, x and y in pixels; null is the frame.",
    )
    crop: Literal["region", "part"] = Field("region", description="What is inspected.")
    min_area: float = Field(0.01, gt=0, le=1, description="Smallest part, as a share of the region.")
    fail_share: float = Field(0.5, gt=0, le=1, description="Share of the frames of a part that must fail for FAIL.")
    deadline: float | None = Field(
        1.0, gt=0, le=3600, description="Seconds from the last frame of a part to its verdict, else UNDECIDED; null waits."
    )
    start: bool = Field(True, description="Whether the line starts at once.")


class LineSink(Model):
    """A sink, without its secrets."""

    kind: Literal["csv", "webhook", "mqtt", "opcua"]
    host: str = Field(description="Host of its address; empty for the CSV file.")
    backlog: int = Field(description="Verdicts that it has yet to accept.")
    refused: int = Field(description="Verdicts that it has refused for good.")


class LineInfo(Model):
    """A line and its state; no password and no secret."""

    name: str
    inspector: str
    source: LineSource = Field(description="A camera without user, password and query.")
    region: list[Pair] | None
    crop: Literal["region", "part"]
    min_area: float
    fail_share: float
    deadline: float | None
    state: LineState
    error: str | None = Field(description="Why it failed, or restarts.")
    created_at: datetime
    num_parts: int = Field(description="Verdicts since the line was created.")
    verdicts: dict[PartVerdict, int] = Field(description="Verdicts since the line was created.")
    frames: int = Field(description="Frames of the current or last run.")
    dropped: int = Field(description="Frames of that run that were dropped because the inspector was busy.")
    lost: int = Field(0, description="Frames of that run that a camera lost before they were decoded; they are of no known part.")
    reconnects: int = Field(description="Of a camera, in that run.")
    sinks: list[LineSink]


class LineList(Model):
    """All lines, by name."""

    data: list[LineInfo]


class LineRegion(Model):
    """A region of the worst frame of a part; coordinates are pixels of the source."""

    polygon: list[Pair]
    area_px: float
    score: float
    kind: str | None


class LinePart(Model):
    """The verdict of one part, as the journal holds it and sinks receive it."""

    sequence: int = Field(description="From 1, in the order of the verdicts.")
    part: str
    line: str
    verdict: PartVerdict
    reject: bool = Field(description="Whether the part is to be taken off the line: all but PASS.")
    reason: str = Field(description="One sentence; empty for PASS.")
    score: float | None
    p_value: float | None
    num_frames: int
    num_inspected: int
    num_failed: int
    num_dropped: int
    false_alarm_bound: float | None = Field(description="Largest share of good parts that fail.")
    entered: float = Field(description="Seconds of the source: since 1970 for a camera or folder, of a video its clock.")
    left: float
    decided: datetime
    latency_seconds: float = Field(description="From the arrival of the last frame of the part to the verdict.")
    inspector: str
    version: int
    regions: list[LineRegion]


class LinePartPage(Model):
    """Verdicts in their order."""

    parts: list[LinePart]
    next: int | None = Field(None, description="`after` of the next page; null when there is none yet.")
    total: int
