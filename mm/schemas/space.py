"""The space of a library, and its reindexing into another one."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from mm.schemas.base import Model

MoveState = Literal["running", "stopped", "done", "undone"]
SpaceRole = Literal["served", "encoding", "kept"]


class Move(Model):
    """Reindexing of a library; searches use the source space until all items are in the target."""

    source: str = Field(description="Space before the reindexing, as in MM_SPACE.")
    target: str = Field(description="Space after the reindexing, as in MM_SPACE.")
    state: MoveState
    items: int = Field(description="Items that are searchable in either space.")
    moved: int = Field(description="Items that are searchable in the target space.")
    failed: int = Field(description="Items that could not be encoded in the target space.")
    error: str | None = Field(None, description="Why the reindexing stopped without a request to stop.")
    created_at: datetime
    updated_at: datetime


class MoveRequest(Model):
    """Target of a reindexing."""

    to: str = Field(min_length=1, max_length=1000, description="`lite` or `openclip:MODEL/PRETRAINED`.")


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
