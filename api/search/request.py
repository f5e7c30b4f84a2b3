"""A search request: JSON, or form data whose files are stored in a scratch folder."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pydantic import ValidationError

from api.http.bodies import read_json
from api.http.form_files import FormFiles
from api.http.forms import FormLimits, is_form, parse_json_field, read_form
from api.http.problems import describe_validation_errors
from api.uploads.names import clean_name
from mm.errors import InvalidInput
from mm.schemas import SearchRequest

if TYPE_CHECKING:
    from pathlib import Path

    from starlette.requests import Request

    from api.http.form_files import FormFile
    from api.http.forms import Fields
    from api.limits.thread_pool import ThreadPool
    from mm.settings import Settings

FILE_FIELDS = ("picture", "sound", "clip", "file")
JSON_BYTES = 256 << 10  # enough for filters with thousands of item ids
CHAR_BYTES = 12  # maximum bytes of one character in JSON: a surrogate pair of two escapes, six bytes each


@dataclass(frozen=True, slots=True)
class SearchInput:
    """A well-formed request and its files; `api.search.execute.validate` checks its values."""

    request: SearchRequest
    files: dict[str, FormFile] = field(default_factory=dict)  # by form field


async def read_search_input(request: Request, threads: ThreadPool, scratch: Path, settings: Settings) -> SearchInput:
    """Read the body; files are written below `scratch`.

    Raises `InvalidInput`, `TooLarge`, `TooMany`, `RequestTimeout`.
    """
    text_bytes = JSON_BYTES + CHAR_BYTES * settings.query_chars
    if not is_form(request):
        return SearchInput(await read_json(request, SearchRequest, text_bytes, "query_chars"))
    limits = FormLimits(settings.query_bytes + text_bytes, "query_bytes", text_bytes, "query_chars")
    with FormFiles(scratch, settings.query_bytes, FILE_FIELDS, clean_name) as sink:
        fields = await read_form(request, threads, sink.open, limits)
    return SearchInput(_parse_fields(fields), sink.files)


def _parse_fields(fields: Fields) -> SearchRequest:
    """Build the request from the text fields of a form; empty fields count as unset."""
    values: dict[str, object] = {}
    for name, texts in fields.items():
        if name in {"also", "without"}:
            values[name] = [text for text in texts if text != ""]
            continue
        if len(texts) > 1:
            raise InvalidInput(f"The form has the field {name!r} more than once.")
        if texts[0] != "":
            values[name] = texts[0]
    try:
        for name in {"filters", "like", "weights"} & values.keys():
            values[name] = parse_json_field(name, fields[name][0])
        return SearchRequest.model_validate(values)
    except ValidationError as error:
        raise InvalidInput(describe_validation_errors(error.errors())) from error
