"""Inspectors: their settings, examples and versions."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field, JsonValue

from mm.schemas.base import Model
from mm.schemas.inspections import ThresholdRecord
from mm.schemas.jobs import Job

InspectorMode = Literal["patches", "template", "logical"]
NO_NUL = r"^[^\x00]*$"
"""PostgreSQL cannot store NUL."""
NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"


class InspectorRequest(Model):
    """A new inspector. It has no version before it is fitted."""

    name: str = Field(pattern=NAME_PATTERN, description="1 to 64 letters, digits, `.`, `_` and `-`.")
    mode: InspectorMode = Field(
        "patches",
        description="`patches` compares patches with those of good parts; `template` compares with a drawing that the good parts "
        "give, for boards and prints; `logical` checks presence and count in named regions.",
    )
    settings: dict[str, JsonValue] = Field(default={}, description="Settings of the mode that differ from their defaults.")


class InspectorVersion(Model):
    """A fitted version. It is never changed."""

    version: int
    is_current: bool = Field(description="Whether inspections use it unless they name another one.")
    created_at: datetime | None = Field(None, description="Null if the service did not fit it.")
    job_id: str | None = Field(None, description="Job that fitted it; null if the service did not.")
    settings: dict[str, JsonValue] = Field(default={}, description="Of the mode, with which it was fitted.")
    threshold: ThresholdRecord | None = Field(None, description="With `statement` in plain sentences.")
    comparison: dict[str, JsonValue] | None = Field(
        None, description="Of a version that marks taught: the comparison with the one before on held-out groups."
    )


class Inspector(Model):
    """An inspector and its versions."""

    name: str
    mode: InspectorMode
    settings: dict[str, JsonValue]
    created_at: datetime | None = Field(None, description="Null if a command fitted it, without the service.")
    current: int | None = Field(None, description="Version that inspections use; null before the first.")
    versions: list[InspectorVersion] = Field(description="In ascending order.")
    num_examples: int = Field(description="Images of good parts that the next fit uses.")
    num_groups: int = Field(description="Groups of these images: the count that limits which rates are reachable.")


class InspectorList(Model):
    """All inspectors, by name."""

    data: list[Inspector]


class InspectorVersionList(Model):
    """The versions of an inspector, in ascending order."""

    data: list[InspectorVersion]


class NewExample(Model):
    """An image of a good part."""

    item: str = Field(description="Id of an image of the library.")
    group: str | None = Field(
        None,
        min_length=1,
        max_length=200,
        pattern=NO_NUL,
        description="Part, batch or exposure series: images of one part are never on both sides of a fold. "
        "By default each image is its own group.",
    )


class ExampleRequest(Model):
    """Images of good parts for an inspector."""

    examples: list[NewExample] = Field(min_length=1, max_length=1000)


class Example(Model):
    """An image of a good part."""

    item: str
    name: str
    group: str


class ExamplePage(Model):
    """A page of the examples of an inspector, in the order in which they were added."""

    examples: list[Example]
    total: int
    num_groups: int
    next: str | None = Field(None, description="`cursor` of the next page; null on the last.")


class FitRequest(Model):
    """How an inspector is fitted."""

    settings: dict[str, JsonValue] | None = Field(None, description="Replaces the settings of the inspector.")
    make_current: bool = Field(True, description="Whether inspections use the new version; the first one always.")


class FitJob(Model):
    """The job that fits a version. Follow it under `/v1/jobs`."""

    inspector: str
    job: Job


class CurrentRequest(Model):
    """The version that inspections use from now on, a later or an earlier one."""

    version: int = Field(ge=1)
