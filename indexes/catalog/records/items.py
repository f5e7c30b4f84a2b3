"""Values of items: uploaded files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Self

from indexes.catalog.records.text import TextProgress
from mm.schemas import ItemStatus, JobState, Kind

if TYPE_CHECKING:
    from mm.media.types import Capture, MediaInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemFile:
    """The file of an item: its bytes, its name and its media properties."""

    sha256: str
    name: str
    kind: Kind
    content_type: str
    size: int
    duration: float
    width: int
    height: int
    fps: float
    has_audio: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class NewItem(ItemFile):
    """An item to be added. Its bytes are in the blob store."""

    tags: Sequence[str] = ()
    request_id: str | None = None
    """Id of the upload request, for the logs of the work on it."""
    created_at: datetime | None = None
    """Time of the upload; None is now."""
    key_id: str | None = None
    """API key that sent it; None where no key is required."""
    capture: Capture | None = None
    """When, where and with what it was taken; None where that is not stored."""

    @classmethod
    def from_media(
        cls,
        sha256: str,
        size: int,
        name: str,
        tags: Sequence[str],
        info: MediaInfo,
        *,
        request_id: str | None = None,
        key_id: str | None = None,
        created_at: datetime | None = None,
    ) -> Self:
        """Build the item of a file of `size` bytes from the result of probing it."""
        return cls(
            sha256=sha256,
            name=name,
            kind=info.kind,
            content_type=info.content_type,
            size=size,
            duration=info.duration,
            width=info.width,
            height=info.height,
            fps=info.fps,
            has_audio=info.has_audio,
            tags=list(tags),
            request_id=request_id,
            key_id=key_id,
            created_at=created_at,
            capture=info.capture,
        )


@dataclass(frozen=True, slots=True)
class SpokenLanguage:
    """A language of the speech of an item."""

    language: str
    """Code, such as `en`."""
    seconds: float
    """Of its lines, without pauses."""
    is_identified: bool
    """Whether all of it was found from the sound; otherwise the recognizer assumes it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemRow(ItemFile):
    """An item of the catalog."""

    id: str
    tags: tuple[str, ...]
    status: ItemStatus
    error: str | None
    created_at: datetime
    text: TextProgress = field(default_factory=TextProgress)
    """Progress of text recognition, in the space of the library."""
    caption: str | None = None
    """Caption of the image, or of the first scene of the video."""
    capture: Capture | None = None
    """When, where and with what it was taken; None where that was not read."""
    place: str = ""
    """Name of the place at its coordinates; empty where there is none, or none is known yet."""
    languages: tuple[SpokenLanguage, ...] = ()
    """Languages of its speech, the longest first."""
    favourite: bool = False
    version: int = 1
    """Increases with each change of name, tags or favourite."""
    trashed_at: datetime | None = None
    """When it was moved to the trash; None for an item of the library."""

    @property
    def num_unread_images(self) -> int:
        """Images on which text recognition has not run yet, in the space of the library."""
        return self.text.num_left


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemEdit:
    """A change of items. None and empty values change nothing."""

    name: str | None = None
    tags: Sequence[str] | None = None
    """Replace all tags, before `add_tags` and `remove_tags` apply."""
    add_tags: Sequence[str] = ()
    remove_tags: Sequence[str] = ()
    favourite: bool | None = None


@dataclass(frozen=True, slots=True)
class TrashSummary:
    """The items in the trash, counted."""

    items: int
    size: int
    """Bytes of their files."""


@dataclass(frozen=True, slots=True)
class ItemFilters:
    """Conditions of a list of items. An empty value matches any item."""

    kinds: Sequence[Kind] = ()
    tags: Sequence[str] = ()
    """All of these."""
    status: ItemStatus | None = None
    favourite: bool | None = None


@dataclass(frozen=True, slots=True)
class BrowseFilters(ItemFilters):
    """Conditions of a sorted list of items. An empty value matches any item."""

    name: str = ""
    """Substring of the name, case-insensitive."""
    uploaded_after: datetime | None = None
    uploaded_before: datetime | None = None
    taken_after: datetime | None = None
    """On the clock of the place, without an offset, as `taken_before`."""
    taken_before: datetime | None = None
    camera: str = ""
    """Substring of make and model, case-insensitive."""
    has_place: bool | None = None
    place: str = ""
    """Words of the name of the place where it was taken."""
    language: str = ""
    """Code of a language that is spoken."""
    album: str = ""
    """Id of an album that contains it."""


@dataclass(frozen=True, slots=True)
class Counts:
    """Number of rows in the library."""

    items: int
    segments: int
    evidence: int
    jobs: Mapping[JobState, int]
    """Jobs of uploads by state, zeros included."""
