"""Messages between the process of the engine (the child) and the process that uses it."""

from __future__ import annotations

from dataclasses import dataclass

from mm.errors import MMError
from mm.generation.request import Request, RequestOutput


@dataclass(frozen=True, slots=True)
class Add:
    request: Request


@dataclass(frozen=True, slots=True)
class Cancel:
    request_id: str


@dataclass(frozen=True, slots=True)
class ReportMetrics:
    """The child responds with a `MetricsReport` of the same number."""

    number: int


@dataclass(frozen=True, slots=True)
class Ready:
    """The engine is loaded."""


@dataclass(frozen=True, slots=True)
class StartFailed:
    """The engine could not be made."""

    reason: str


@dataclass(frozen=True, slots=True)
class StepDone:
    """One step, also when it has no outputs: the child is not stalled."""

    outputs: list[RequestOutput]


@dataclass(frozen=True, slots=True)
class Rejected:
    """The engine did not accept the request."""

    request_id: str
    error: MMError


@dataclass(frozen=True, slots=True)
class MetricsReport:
    number: int
    text: bytes
    """In the exposition format of Prometheus."""


ToChild = Add | Cancel | ReportMetrics
FromChild = Ready | StartFailed | StepDone | Rejected | MetricsReport
