"""What a verb is made of: steps that a driver takes, blocking or not, and the flows that string
them together.

A flow is a generator. It yields steps and gets their results; a failed step is raised inside it. So
every decision, retries and resuming too, is written once and tested without a network.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

T = TypeVar("T")

Flow = Generator["Step[Any]", Any, T]
"""Steps, with a `T` at the end."""

Source = str | Path | bytes
"""A file to send: where it is, or its bytes."""

Params = Mapping[str, str | int | float | Sequence[str]]


class Step(Generic[T]):
    """Something that only a driver can do; `yield from step` gives its result."""

    def __iter__(self) -> Flow[T]:
        result: T = yield self
        return result


@dataclass(frozen=True, slots=True)
class Response:
    """A whole answer."""

    url: str
    status: int
    media_type: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)  # names in lower case


class Stream:
    """An answer whose lines are still coming. Drivers know more of it."""

    reply: Response  # without a body when its lines come


@dataclass(frozen=True, slots=True)
class FormFile:
    """A file in a form."""

    field: str
    source: Path | bytes
    name: str


@dataclass(frozen=True, slots=True)
class Body:
    """`size` bytes of a file from `start` on as the whole body, streamed. `on_sent` hears how far
    in the file it is."""

    source: Path | bytes
    size: int
    on_sent: Callable[[int], None] | None = None
    start: int = 0


@dataclass(frozen=True, slots=True)
class Send(Step[Response]):
    """Send a request and read the whole answer, whatever its status."""

    method: str
    path: str
    params: Params = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    json: object | None = None
    form: Mapping[str, str | list[str]] = field(default_factory=dict)
    parts: Sequence[FormFile] = ()
    body: Body | None = None


@dataclass(frozen=True, slots=True)
class OpenStream(Step[Stream]):
    """Send a GET and leave the answer open if it is a 200; otherwise its reply has the body."""

    path: str
    headers: Mapping[str, str]
    silence: float  # seconds without a byte after which the connection counts as broken


@dataclass(frozen=True, slots=True)
class ReadLine(Step["str | None"]):
    """The next line without its end, `None` behind the last."""

    stream: Stream


@dataclass(frozen=True, slots=True)
class Close(Step[None]):
    """Let go of a stream."""

    stream: Stream


@dataclass(frozen=True, slots=True)
class Sleep(Step[None]):
    """Wait."""

    seconds: float
