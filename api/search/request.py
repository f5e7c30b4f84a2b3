"""A question as it arrives: JSON, or form data whose files are kept in a scratch folder for as long
as the search lasts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO

from pydantic import ValidationError
from pydantic_core import from_json

from api.http.bodies import read_json, refuse_longer
from api.http.forms import is_form, read_form
from api.http.problems import describe_validation_errors
from api.uploads.names import clean_name
from mm.errors import InvalidInput, TooLarge
from mm.schemas import SearchRequest

if TYPE_CHECKING:
    from pathlib import Path

    from starlette.requests import Request

    from api.http.forms import FieldHead, Fields
    from api.limits.thread_pool import ThreadPool
    from mm.settings import Settings

FILE_FIELDS = ("picture", "sound", "clip", "file")
JSON_BYTES = 256 << 10  # filters with thousands of item ids fit
CHAR_BYTES = 12  # most bytes that JSON needs for one character: a surrogate pair, six each


@dataclass(frozen=True, slots=True)
class QueryFile:
    """A file that a question brings."""

    path: Path
    name: str  # as the caller has it, for messages


@dataclass(frozen=True, slots=True)
class SearchInput:
    """A question that has the right shape; whether its values make sense is looked at when it is
    answered."""

    request: SearchRequest
    files: dict[str, QueryFile] = field(default_factory=dict)  # by form field


async def read_search_input(request: Request, threads: ThreadPool, scratch: Path, settings: Settings) -> SearchInput:
    """Read the body; its files go below `scratch`. Raises `InvalidInput`, `TooLarge`, `TooMany`,
    `RequestTimeout`."""
    text_bytes = JSON_BYTES + CHAR_BYTES * settings.query_chars
    if not is_form(request):
        return SearchInput(await read_json(request, SearchRequest, text_bytes, "query_chars"))
    refuse_longer(request, settings.query_bytes + text_bytes, "query_bytes")
    with _Files(scratch, settings.query_bytes) as files:
        fields = await read_form(request, threads, files.open, text_bytes, "query_chars")
    return SearchInput(_search_request(fields), files.found)


class _Files:
    """Files of the form, each in a file of its own; together they stay within `limit` bytes."""

    def __init__(self, scratch: Path, limit: int) -> None:
        self.found: dict[str, QueryFile] = {}
        self._scratch = scratch
        self._limit = limit
        self._left = limit
        self._file: BinaryIO | None = None

    def __enter__(self) -> _Files:
        return self

    def __exit__(self, *error: object) -> None:
        if self._file is not None:
            self._file.close()

    def open(self, head: FieldHead) -> _Files:
        if head.field not in FILE_FIELDS:
            raise InvalidInput(f"A question takes no file {head.field!r}; known are {', '.join(FILE_FIELDS)}.")
        if head.field in self.found:
            raise InvalidInput(f"The question has two files {head.field!r}.")
        self.__exit__()
        path = self._scratch / head.field  # never the caller's name
        self._file = path.open("wb")
        self.found[head.field] = QueryFile(path, clean_name(head.filename or head.field))
        return self

    def write(self, data: bytes, /) -> None:
        assert self._file is not None
        self._left -= len(data)
        if self._left < 0:
            raise TooLarge(f"The question's files are larger than {self._limit:,} bytes (MM_QUERY_BYTES).")
        self._file.write(data)


def _search_request(fields: Fields) -> SearchRequest:
    values: dict[str, object] = {}
    for name, given in fields.items():
        if name in {"also", "without"}:
            values[name] = [words for words in given if words != ""]
            continue
        if len(given) > 1:
            raise InvalidInput(f"The form has the field {name!r} more than once.")
        if given[0] != "":
            values[name] = given[0]
    try:
        for name in {"filters", "like", "weights"} & values.keys():
            values[name] = _json(name, fields[name][0])
        return SearchRequest.model_validate(values)
    except ValidationError as error:
        raise InvalidInput(describe_validation_errors(error.errors())) from error


def _json(name: str, text: str) -> object:
    """Raises `InvalidInput` also for what nests too deeply and for numbers with too many digits."""
    try:
        value: object = from_json(text)
    except ValueError as error:
        raise InvalidInput(f"The field {name!r} is not JSON: {error}.") from error
    return value
