"""Inspectors, their examples and versions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class InspectorRow:
    """How an inspector is fitted."""

    name: str
    mode: str
    settings: Mapping[str, object]
    created_at: datetime
    num_examples: int
    num_groups: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ExampleRow:
    """An image of a good part."""

    pk: int
    item_id: str
    sha256: str
    name: str
    group: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionRow:
    """A version that a job of the service fitted."""

    version: int
    job_id: str
    sha256: str
    """Of the file."""
    is_ready: bool
    """Whether its job has ended; its file may be missing before."""
    comparison: Mapping[str, object] | None
    created_at: datetime
