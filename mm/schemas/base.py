"""Base class of all schemas."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Model(BaseModel):
    """Immutable; an unknown field is an error, so that a misspelt one does not pass unnoticed."""

    model_config = ConfigDict(extra="forbid", frozen=True)
