"""`multipart/form-data` as it streams in: text fields are kept, files go straight to where the
caller wants them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from api.http.bodies import blocks
from mm.errors import InvalidInput, TooLarge

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request

    from api.limits.thread_pool import ThreadPool

MAX_FIELDS = 1000
MEDIA_TYPE = "multipart/form-data"


class Sink(Protocol):
    """Where the bytes of a file go."""

    def write(self, data: bytes, /) -> object: ...


@dataclass(frozen=True, slots=True)
class FieldHead:
    """What a part says of itself."""

    field: str
    filename: str | None  # None for a text field


Fields = dict[str, list[str]]
"""Text fields by name; a name may come more than once."""


def is_form(request: Request) -> bool:
    """Whether the body is multipart form data."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower() == MEDIA_TYPE


async def read_form(
    request: Request, threads: ThreadPool, open_file: Callable[[FieldHead], Sink], field_bytes: int, setting: str | None = None
) -> Fields:
    """Read the form; `open_file` is called once a file, in one of `threads`, where the sink is
    written to as well.

    `field_bytes` bounds all text fields together, `setting` is what it comes from. Raises
    `InvalidInput`, `TooLarge`, `ClientDisconnect`, and what the sink raises.
    """
    _, options = parse_options_header(request.headers.get("content-type"))
    too_long = f"The form's text fields are longer than {field_bytes:,} bytes{f' (MM_{setting.upper()})' if setting else ''}."
    parser = _Parser(options.get(b"boundary", b""), open_file, field_bytes, too_long)
    async for block in blocks(request):
        await threads.run(parser.feed, block)
    return parser.finish()


class _Parser:
    """Callbacks of the push parser, which sees each byte once and keeps none of a file's."""

    def __init__(self, boundary: bytes, open_file: Callable[[FieldHead], Sink], field_bytes: int, too_long: str) -> None:
        if not boundary:
            raise InvalidInput("The form's Content-Type names no boundary.")
        self._open_file = open_file
        self._field_bytes = field_bytes
        self._too_long = too_long
        self._fields: Fields = {}
        self._parts = 0
        self._complete = False
        self._header_name = bytearray()
        self._header_value = bytearray()
        self._disposition = ""
        self._head = FieldHead("", None)
        self._sink: Sink | None = None
        self._text = bytearray()
        try:
            self._parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._part_begin,
                    "on_header_field": lambda data, start, end: self._header_name.extend(data[start:end]),
                    "on_header_value": lambda data, start, end: self._header_value.extend(data[start:end]),
                    "on_header_end": self._header_end,
                    "on_headers_finished": self._headers_finished,
                    "on_part_data": self._part_data,
                    "on_part_end": self._part_end,
                    "on_end": self._end,
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

    def _part_begin(self) -> None:
        self._parts += 1
        if self._parts > MAX_FIELDS:
            raise InvalidInput(f"The form has more than {MAX_FIELDS} parts.")
        self._disposition = ""
        self._text.clear()

    def _header_end(self) -> None:
        if self._header_name.lower() == b"content-disposition":
            self._disposition = self._header_value.decode("latin-1")
        self._header_name.clear()
        self._header_value.clear()

    def _headers_finished(self) -> None:
        _, options = parse_options_header(self._disposition)
        if b"name" not in options:
            raise InvalidInput("A part of the form has no name.")
        filename = options.get(b"filename")
        self._head = FieldHead(_text(options[b"name"]), None if filename is None else _text(filename))
        self._sink = None if filename is None else self._open_file(self._head)

    def _part_data(self, data: bytes, start: int, end: int) -> None:
        if self._sink is not None:
            self._sink.write(data[start:end])
            return
        self._field_bytes -= end - start
        if self._field_bytes < 0:
            raise TooLarge(self._too_long)
        self._text += data[start:end]

    def _part_end(self) -> None:
        if self._sink is None:
            self._fields.setdefault(self._head.field, []).append(_text(bytes(self._text)))

    def _end(self) -> None:
        self._complete = True


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise InvalidInput("A text of the form is not UTF-8.") from error
