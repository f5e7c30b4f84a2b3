"""The I/O steps of a client, and the generators (flows) that are composed of them.

A flow yields steps and receives their results; a failed step raises inside the flow. A driver
performs the steps, blocking or on asyncio. Every decision, retries and resuming included, is
therefore written once and tested without a network.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

T = TypeVar("T")

Flow = Generator["Step[Any]", Any, T]
"""A generator of steps that returns a `T`."""

Source = str | Path | bytes
"""A file to send: its path, or its bytes."""

SILENCE_SECONDS = 600.0
"""Maximum time between two events of a language model: a long prompt takes a while on a CPU."""

Params = Mapping[str, str | int | float | Sequence[str]]


class Driver(ABC):
    """Performs the steps of a flow, blocking."""

    @abstractmethod
    def run(self, flow: Flow[T]) -> T:
        """Return the result of a flow."""


class AsyncDriver(ABC):
    """Performs the steps of a flow on asyncio."""

    @abstractmethod
    async def run(self, flow: Flow[T]) -> T:
        """Return the result of a flow."""


class Step(Generic[T]):
    """An operation that only a driver performs; `yield from step` evaluates to its result."""

    def __iter__(self) -> Flow[T]:
        result: T = yield self
        return result


@dataclass(frozen=True, slots=True)
class Response:
    """An HTTP response that has been read completely."""

    url: str
    status: int
    media_type: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)  # names in lower case


class Stream:
    """An HTTP response whose body is read line by line; drivers subclass it."""

    response: Response  # its body is empty if the status is 200


@dataclass(frozen=True, slots=True)
class FormFile:
    """A file field of a multipart form."""

    field: str
    source: Path | bytes
    name: str


@dataclass(frozen=True, slots=True)
class Body:
    """A raw request body: `size` bytes of a file from byte `start`, streamed.

    `on_sent` is called with the position in the file, in bytes, after each block.
    """

    source: Path | bytes
    size: int
    on_sent: Callable[[int], None] | None = None
    start: int = 0


@dataclass(frozen=True, slots=True)
class Send(Step[Response]):
    """Send a request and read the whole response, whatever its status."""

    method: str
    path: str
    params: Params = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    json: object | None = None
    form: Mapping[str, str | list[str]] = field(default_factory=dict)
    files: Sequence[FormFile] = ()
    body: Body | None = None


@dataclass(frozen=True, slots=True)
class OpenStream(Step[Stream]):
    """Send a GET, or a POST of JSON, and keep the response open if its status is 200; otherwise
    read its body."""

    path: str
    headers: Mapping[str, str]
    timeout_seconds: float  # without a byte, after which the connection counts as broken
    json: object | None = None

    @property
    def method(self) -> str:
        return "GET" if self.json is None else "POST"


@dataclass(frozen=True, slots=True)
class ReadLine(Step["str | None"]):
    """Read the next line, without its end; `None` at the end of the stream."""

    stream: Stream


@dataclass(frozen=True, slots=True)
class Close(Step[None]):
    """Close a stream."""

    stream: Stream


@dataclass(frozen=True, slots=True)
class Sleep(Step[None]):
    """Wait for a number of seconds."""

    seconds: float
