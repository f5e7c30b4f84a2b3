"""Tables of the content of the library: items, their segments, and what searchers load."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Boolean, Double, ForeignKey, Index, Integer, String, false, true
from sqlalchemy.orm import Mapped, mapped_column

from indexes.catalog.tables.base import AUTOINCREMENT, Key, Table, Utc


class Library(Table):
    """A single row with the counters of the library.

    Its lock makes the order of sequence numbers the order of commits, which a database sequence
    does not.
    """

    __tablename__ = "library"
    pk: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    identity: Mapped[str] = mapped_column(String(32))
    """Random value that identifies this catalog."""
    head: Mapped[int] = mapped_column(BigInteger)
    """Latest sequence number of publications and tombstones."""
    space_name: Mapped[str | None]
    """Name of the space that the library was reindexed to, as in MM_SPACE; null if never."""
    space: Mapped[str | None] = mapped_column(String(64))
    """Id of that space."""
    caption_model: Mapped[str | None] = mapped_column(String(64))
    """Version of the model that writes the captions; null before the first."""
    caption_confidence: Mapped[float] = mapped_column(Double, server_default="0")
    """Confidence from which captions are shown and searched."""
    revision: Mapped[int] = mapped_column(BigInteger, server_default="0")
    """Increases with each item that is added, becomes searchable or is deleted. An older copy of
    this catalog has a lower value."""


class Item(Table):
    """An uploaded file."""

    __tablename__ = "items"
    __table_args__ = (AUTOINCREMENT,)
    pk: Mapped[int] = mapped_column(Key, primary_key=True)
    id: Mapped[str] = mapped_column(String(32), unique=True)
    sha256: Mapped[str] = mapped_column(String(64), unique=True)
    name: Mapped[str]
    kind: Mapped[str] = mapped_column(String(16))
    content_type: Mapped[str]
    size: Mapped[int] = mapped_column(BigInteger)
    duration: Mapped[float] = mapped_column(Double)
    width: Mapped[int]
    height: Mapped[int]
    fps: Mapped[float] = mapped_column(Double)
    has_audio: Mapped[bool] = mapped_column(Boolean)
    status: Mapped[str] = mapped_column(String(16))
    error: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(Utc, index=True)
    favourite: Mapped[bool] = mapped_column(Boolean, server_default=false())
    version: Mapped[int] = mapped_column(server_default="1")
    """Increases with each change of name, tags or favourite."""
    is_described: Mapped[bool] = mapped_column(Boolean, server_default=true())
    """Whether the description beside its blob has the present name, tags and favourite."""
    trashed_at: Mapped[datetime | None] = mapped_column(Utc, index=True)
    """When it was moved to the trash; null for an item of the library."""


class WithdrawnPublication(Table):
    """A space in which an item in the trash was searchable; it becomes so again when restored."""

    __tablename__ = "withdrawn"
    item_pk: Mapped[int] = mapped_column(ForeignKey("items.pk", ondelete="CASCADE"), primary_key=True)
    space: Mapped[str] = mapped_column(String(64), primary_key=True)
    num_evidence: Mapped[int] = mapped_column("evidence")


class StaleName(Table):
    """A space in which the evidence of an item's name is that of an earlier name."""

    __tablename__ = "stale_names"
    item_pk: Mapped[int] = mapped_column(ForeignKey("items.pk", ondelete="CASCADE"), primary_key=True)
    space: Mapped[str] = mapped_column(String(64), primary_key=True)


class Tag(Table):
    """A tag of an item."""

    __tablename__ = "tags"
    item_pk: Mapped[int] = mapped_column(ForeignKey("items.pk", ondelete="CASCADE"), primary_key=True)
    tag: Mapped[str] = mapped_column(primary_key=True, index=True)


class Capture(Table):
    """When, where and with what the file of an item was taken. Without a row, it was not read."""

    __tablename__ = "captures"
    item_pk: Mapped[int] = mapped_column(ForeignKey("items.pk", ondelete="CASCADE"), primary_key=True)
    taken_local: Mapped[datetime | None] = mapped_column(Utc, index=True)
    """Time on the clock at the place, stored as if it were UTC, so that times without an offset can
    be compared."""
    taken_offset: Mapped[int | None]
    """Minutes that this clock is ahead of UTC; null if the file does not state it."""
    make: Mapped[str]
    model: Mapped[str]
    lens: Mapped[str]
    orientation: Mapped[int]
    latitude: Mapped[float | None] = mapped_column(Double)
    longitude: Mapped[float | None] = mapped_column(Double)
    altitude: Mapped[float | None] = mapped_column(Double)
    place: Mapped[str | None] = mapped_column(index=True)
    """Name of the place at the coordinates; empty for none, null until a worker looked it up."""
    place_key: Mapped[str | None]
    """The names in it, normalized, for filters."""


class Segment(Table):
    """A time range of an item in a space, the unit of search results."""

    __tablename__ = "segments"
    __table_args__ = (Index(None, "item_pk", "space", "index", unique=True), AUTOINCREMENT)
    pk: Mapped[int] = mapped_column(Key, primary_key=True)
    item_pk: Mapped[int] = mapped_column(ForeignKey("items.pk", ondelete="CASCADE"))
    space: Mapped[str] = mapped_column(String(64))
    index: Mapped[int]
    start: Mapped[float] = mapped_column(Double)
    end: Mapped[float] = mapped_column(Double)
    shot: Mapped[int]
    scene_start: Mapped[float | None] = mapped_column(Double)
    scene_end: Mapped[float | None] = mapped_column(Double)

    @property
    def scene(self) -> tuple[float, float] | None:
        """Start and end of the scene that contains the segment."""
        return None if self.scene_start is None or self.scene_end is None else (self.scene_start, self.scene_end)


class Evidence(Table):
    """Evidence of a segment. Its vector is `row` of the matrix of its kind in the shard."""

    __tablename__ = "evidence"
    __table_args__ = (AUTOINCREMENT,)
    pk: Mapped[int] = mapped_column(Key, primary_key=True)
    segment_pk: Mapped[int] = mapped_column(ForeignKey("segments.pk", ondelete="CASCADE"), index=True)
    kind: Mapped[str] = mapped_column(String(16))
    start: Mapped[float] = mapped_column(Double)
    end: Mapped[float] = mapped_column(Double)
    text: Mapped[str | None]
    shard_id: Mapped[str] = mapped_column(String(64), index=True)
    row: Mapped[int]
    language: Mapped[str | None] = mapped_column(String(8))
    """Of speech; null where it is unknown."""


class SpokenLanguage(Table):
    """A language of the speech of an item. Items of before this table have no row."""

    __tablename__ = "spoken_languages"
    item_pk: Mapped[int] = mapped_column(ForeignKey("items.pk", ondelete="CASCADE"), primary_key=True)
    language: Mapped[str] = mapped_column(String(8), primary_key=True, index=True)
    seconds: Mapped[float] = mapped_column(Double)
    is_identified: Mapped[bool] = mapped_column(Boolean)
    """Whether all of it was found from the sound; otherwise the recognizer assumes it."""


class Caption(Table):
    """A sentence about an image, or about a frame of a scene of a video.

    Rows that are not current are the history: sentences of earlier models, or of scenes that are no
    longer so divided.
    """

    __tablename__ = "captions"
    __table_args__ = (Index(None, "item_pk", "space", "model", "start", "end", unique=True), AUTOINCREMENT)
    pk: Mapped[int] = mapped_column(Key, primary_key=True)
    item_pk: Mapped[int] = mapped_column(ForeignKey("items.pk", ondelete="CASCADE"))
    space: Mapped[str] = mapped_column(String(64))
    """The space whose segments the scene consists of."""
    model: Mapped[str] = mapped_column(String(64))
    start: Mapped[float] = mapped_column(Double)
    end: Mapped[float] = mapped_column(Double)
    frame_time: Mapped[float] = mapped_column(Double)
    """Seconds of the frame that it describes; 0 for an image."""
    text: Mapped[str]
    confidence: Mapped[float] = mapped_column(Double)
    """Probability that it describes the frame, by the space in which it was written."""
    is_current: Mapped[bool] = mapped_column(Boolean)
    created_at: Mapped[datetime] = mapped_column(Utc)


class Publication(Table):
    """An item that is searchable in a space, with the sequence number at which it became so."""

    __tablename__ = "published"
    __table_args__ = (Index(None, "space", "seq"),)
    item_pk: Mapped[int] = mapped_column(ForeignKey("items.pk", ondelete="CASCADE"), primary_key=True)
    space: Mapped[str] = mapped_column(String(64), primary_key=True)
    seq: Mapped[int] = mapped_column(BigInteger, unique=True)
    num_evidence: Mapped[int] = mapped_column("evidence")


class Tombstone(Table):
    """A withdrawn publication, which searchers remove from their index."""

    __tablename__ = "buried"
    __table_args__ = (Index(None, "space", "seq"),)
    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    space: Mapped[str] = mapped_column(String(64))
    publication_seq: Mapped[int] = mapped_column("published", BigInteger)
    """Sequence number of the withdrawn publication."""


class ReleasedFile(Table):
    """SHA-256 of a file whose row was removed by a command: garbage collection deletes it."""

    __tablename__ = "released"
    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
