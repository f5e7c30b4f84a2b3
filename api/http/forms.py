"""`multipart/form-data`, parsed while it arrives: text fields are collected, files go to a sink."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from pydantic_core import from_json
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from api.http.bodies import read_blocks
from mm.errors import InvalidInput, TooLarge

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request

    from api.limits.thread_pool import ThreadPool

MAX_FIELDS = 1000
MEDIA_TYPE = "multipart/form-data"


class Sink(Protocol):
    """Receives the bytes of a file."""

    def write(self, data: bytes, /) -> object: ...


@dataclass(frozen=True, slots=True)
class FieldHead:
    """Name and file name of a form field."""

    name: str
    filename: str | None  # None for a text field


Fields = dict[str, list[str]]
"""Values of the text fields by name; a name may occur more than once."""


@dataclass(frozen=True, slots=True)
class FormLimits:
    """Limits of a form in bytes, and the settings that they come from."""

    body_bytes: int
    """Of the declared length of the body."""
    body_setting: str
    field_bytes: int
    """Of all text fields together."""
    field_setting: str | None = None


def is_form(request: Request) -> bool:
    """Whether the body is multipart form data."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower() == MEDIA_TYPE


async def read_form(request: Request, threads: ThreadPool, open_file: Callable[[FieldHead], Sink], limits: FormLimits) -> Fields:
    """Read the form and return its text fields.

    `open_file` is called for each file, and its sink written to, in one of `threads`. Raises
    `InvalidInput`, `TooLarge`, `ClientDisconnect`, and what the sink raises.
    """
    _, options = parse_options_header(request.headers.get("content-type"))
    parser = _Parser(options.get(b"boundary", b""), open_file, limits)
    async for block in read_blocks(request, limits.body_bytes, limits.body_setting):
        await threads.run(parser.feed, block)
    return parser.finish()


def parse_json_field(name: str, text: str) -> object:
    """Parse a text field of JSON. Raises `InvalidInput`, also for excessive nesting or digits."""
    try:
        value: object = from_json(text)
    except ValueError as error:
        raise InvalidInput(f"The field {name!r} is not JSON: {error}.") from error
    return value


class _Parser:
    """Callbacks of the push parser, which buffers text fields but no bytes of files."""

    def __init__(self, boundary: bytes, open_file: Callable[[FieldHead], Sink], limits: FormLimits) -> None:
        if not boundary:
            raise InvalidInput("The Content-Type of the form has no boundary.")
        self._open_file = open_file
        self._limits = limits
        self._bytes_left = limits.field_bytes
        self._fields: Fields = {}
        self._num_fields = 0
        self._complete = False
        self._header_name = bytearray()
        self._header_value = bytearray()
        self._disposition = ""
        self._head = FieldHead("", None)
        self._sink: Sink | None = None
        self._value = bytearray()
        try:
            self._parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._begin_field,
                    "on_header_field": lambda data, start, end: self._header_name.extend(data[start:end]),
                    "on_header_value": lambda data, start, end: self._header_value.extend(data[start:end]),
                    "on_header_end": self._end_header,
                    "on_headers_finished": self._end_headers,
                    "on_part_data": self._receive_data,
                    "on_part_end": self._end_field,
                    "on_end": self._end_form,
                },
            )
        except FormParserError as error:
            raise InvalidInput(f"The form cannot be read: {error}.") from error

    def feed(self, data: bytes) -> None:
        try:
            self._parser.write(data)
        except FormParserError as error:
            raise InvalidInput(f"The form cannot be read: {error}.") from error

    def finish(self) -> Fields:
        if not self._complete:
            raise InvalidInput("The form ends before its closing boundary.")
        return self._fields

    def _begin_field(self) -> None:
        self._num_fields += 1
        if self._num_fields > MAX_FIELDS:
            raise InvalidInput(f"The form has more than {MAX_FIELDS} fields, the maximum.")
        self._disposition = ""
        self._value.clear()

    def _end_header(self) -> None:
        if self._header_name.lower() == b"content-disposition":
            self._disposition = self._header_value.decode("latin-1")
        self._header_name.clear()
        self._header_value.clear()

    def _end_headers(self) -> None:
        _, options = parse_options_header(self._disposition)
        if b"name" not in options:
            raise InvalidInput("A field of the form has no name.")
        filename = options.get(b"filename")
        self._head = FieldHead(_decode(options[b"name"]), None if filename is None else _decode(filename))
        self._sink = None if filename is None else self._open_file(self._head)

    def _receive_data(self, data: bytes, start: int, end: int) -> None:
        if self._sink is not None:
            self._sink.write(data[start:end])
            return
        self._bytes_left -= end - start
        if self._bytes_left < 0:
            setting = f" (MM_{self._limits.field_setting.upper()})" if self._limits.field_setting else ""
            raise TooLarge(
                f"The text fields of the form have more than {self._limits.field_bytes:,} bytes, the maximum{setting}."
            )
        self._value += data[start:end]

    def _end_field(self) -> None:
        if self._sink is None:
            self._fields.setdefault(self._head.name, []).append(_decode(bytes(self._value)))

    def _end_form(self) -> None:
        self._complete = True


def _decode(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise InvalidInput("A text field of the form is not UTF-8.") from error
