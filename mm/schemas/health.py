"""Health, readiness, the report of a recovery, and problem details."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from mm.schemas.base import Model


class Check(Model):
    """Result of one check of readiness or of `mm doctor`."""

    name: str
    ok: bool
    detail: str
    required: bool = True


class Health(Model):
    """The process responds; nothing else is checked."""

    status: Literal["alive"] = "alive"
    version: str


class Readiness(Model):
    """Whether everything that is required works, and the checks one by one."""

    ready: bool
    checks: list[Check]


class Recovery(Model):
    """What `mm doctor` did to a library whose catalog and folder did not match."""

    action: Literal["adopt", "rebuild", "empty", "collect", "metadata", "text"]
    items: int = 0
    """Items added to the catalog, or whose metadata was read; for `text`, images that are due."""
    reused: int = 0
    """Of these, items whose stored vectors are used again, without encoding."""
    skipped: int = 0
    """Files of unfinished uploads."""
    refused: dict[str, str] = Field(default={})
    """Files that could not be added: SHA-256 -> reason."""
    lost: int = 0
    """Items of the catalog whose file is missing."""
    trashed: int = 0
    """Files moved to the trash."""
    aside: str | None = None
    """Path of the catalog that was in use before."""


class Problem(BaseModel):
    """Problem details (RFC 9457)."""

    model_config = ConfigDict(extra="allow")

    type: str
    title: str
    status: int
    detail: str
    instance: str | None = None
