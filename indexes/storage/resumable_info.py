"""The `info.json` of a resumable upload."""

from __future__ import annotations

import re

from pydantic import BaseModel, ConfigDict, Field

UPLOAD_ID = re.compile(r"[0-9a-f]{32}")
INFO, DATA, LOCK, RELEASE_REQUESTED = "info.json", "bytes.part", "lock", "wanted"
"""Files in the folder of an upload."""


class UploadInfo(BaseModel):
    """State of an upload; its file is replaced atomically."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    length: int = Field(ge=0, description="Bytes of the whole file.")
    offset: int = Field(0, ge=0, description="Bytes that are flushed to disk.")
    name: str
    tags: list[str]
    metadata: str = Field(description="As the client sent it.")
    owner: str = Field("", description="Creator: `key ID` or `address NETWORK`; empty when unknown.")
    expires_at: float = Field(description="Seconds of `time.time()`.")
    sha256: str | None = Field(None, description="Of the whole file, once it is complete.")
    item_id: str | None = Field(None, description="The item that was created from it.")
    job_id: str | None = None
    created: bool = Field(False, description="Whether the item is new.")

    @property
    def is_complete(self) -> bool:
        return self.offset == self.length

    @property
    def is_stored(self) -> bool:
        """Whether an item was created from it; its bytes are then a blob."""
        return self.item_id is not None
