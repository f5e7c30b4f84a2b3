"""The space of a library, and its reindexing into another one."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from mm.schemas.base import Model, Pair

MoveState = Literal["downloading", "running", "stopped", "done", "undone"]
SpaceRole = Literal["served", "encoding", "kept"]


class Move(Model):
    """Reindexing of a library; searches use the source space until all items are in the target.

    In the state `downloading`, and when stopped in it, the files of the target are not complete.
    """

    source: str = Field(description="Space before the reindexing, as in MM_SPACE.")
    target: str = Field(description="Space after the reindexing, as in MM_SPACE.")
    state: MoveState
    items: int = Field(description="Items that are searchable in either space.")
    moved: int = Field(description="Items that are searchable in the target space.")
    failed: int = Field(description="Items that could not be encoded in the target space.")
    error: str | None = Field(None, description="Why the reindexing stopped without a request to stop.")
    downloaded_bytes: int | None = Field(None, description="Of the files of the target; null once they are complete.")
    download_bytes: int | None = Field(None, description="Size of the files of the target, while they are not complete.")
    created_at: datetime
    updated_at: datetime


class MoveRequest(Model):
    """Target of a reindexing."""

    to: str = Field(min_length=1, max_length=1000, description="`lite` or `openclip:MODEL/PRETRAINED`.")
    download: bool = Field(
        False,
        description="Whether missing files of one of the spaces of `/v1/space/options` are downloaded first. They are only "
        "downloaded with this.",
    )


class MeasureRequest(Model):
    """The space whose speed is measured."""

    to: str = Field(min_length=1, max_length=1000, description="A space of `/v1/space/options` that is on the disk.")


class ResumeRequest(Model):
    """How a stopped reindexing continues."""

    leave_out: bool = Field(
        False, description="Whether items that cannot be encoded are left out; they are then no longer searchable."
    )


class SpaceHeld(Model):
    """The data of a library in one space."""

    id: str
    items: int
    role: SpaceRole = Field(description="`served` is searched, `encoding` is the target of a reindexing, `kept` may be deleted.")


class LibrarySpace(Model):
    """The space that is searched, and the other spaces in which the library has data."""

    id: str
    name: str = Field(description="As in MM_SPACE.")
    spaces: list[SpaceHeld]
    move: Move | None = Field(None, description="The latest reindexing.")
    notes: list[str] = Field(default_factory=list)


class Recall(Model):
    """Published zero-shot recall at 1, in percent."""

    text_to_image: float
    image_to_text: float


class SpaceOption(Model):
    """A larger space: what it gives, what it needs, and whether it can be started."""

    name: str = Field(description="As in MM_SPACE.")
    repository: str = Field(description="Address from which its files are downloaded.")
    licence: str
    flickr30k: Recall = Field(description="On the 1,000 test images of Flickr30k.")
    coco: Recall = Field(description="On the 5,000 test images of COCO.")
    download_bytes: int = Field(description="Size of its files, about.")
    on_disk: bool = Field(description="Whether its files are on the machine of the API.")
    memory_bytes: int = Field(description="Memory that API and workers need for it.")
    gpu_memory_bytes: int | None = Field(None, description="GPU memory that the workers need; null without a GPU.")
    vector_bytes: int = Field(description="Disk space of the vectors of this library, about.")
    seconds: Pair | None = Field(
        None, description="Shortest and longest time of a reindexing; null where no speed of the library was measured."
    )
    is_measured: bool = Field(description="Whether the model was measured here; otherwise its time is an estimate.")
    recommended: bool = Field(description="Whether it has the best recall of those that this machine encodes in acceptable time.")
    can_start: bool
    obstacle: str | None = Field(None, description="Why it cannot be started here, and what to do.")


class SpaceMachine(Model):
    """The machine of the API."""

    memory_bytes: int
    gpus: list[str]
    free_disk_bytes: int = Field(description="On the disk of the files of models.")
    network: str | None = Field(None, description="Why the hub of models cannot be reached; null if it can, or is not known.")
    is_network_known: bool = Field(description="Whether a request was sent to the hub.")
    workers: int


class SpaceOptions(Model):
    """The larger spaces that this machine could run."""

    current: str = Field(description="The space of the library, as in MM_SPACE.")
    machine: SpaceMachine
    images: int = Field(description="Images and frames of videos that the model would encode, at most.")
    options: list[SpaceOption] = Field(description="The cheapest for an image first.")
    notes: list[str] = Field(description="What a larger space does not have.")
    comparison: str = Field(description="Recall of `lite`, on another set.")
    source: str = Field(description="Where the recall is from, with the date.")
