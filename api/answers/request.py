"""The body of a question: JSON, or form data with a spoken question."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from pydantic import ValidationError

from api.http.bodies import read_json
from api.http.form_files import FormFiles
from api.http.forms import FormLimits, is_form, parse_json_field, read_form
from api.http.problems import describe_validation_errors
from api.limits.disconnects import cancel_on_disconnect
from api.request_context import get_client_id
from api.uploads.names import clean_name
from api.voice.question import recognize_question
from mm.errors import InvalidInput
from mm.schemas import AskRequest

if TYPE_CHECKING:
    from starlette.requests import Request

    from api.http.forms import Fields
    from api.limits.resources import Limits
    from api.service import Service

ASK_BYTES = 1 << 20
"""Largest text of a question with its conversation."""
AUDIO = "audio"


async def read_question(request: Request, service: Service, limits: Limits) -> tuple[AskRequest, str | None]:
    """Read the body. Returns it, and the words of a spoken question, which are its `query`.

    Raises `InvalidInput`, `TooLarge`, `TooMany`, `RequestTimeout`, `MediaError`, `Unavailable`.
    """
    if not is_form(request):
        return await read_json(request, AskRequest, ASK_BYTES), None
    client, settings = get_client_id(request.scope), service.settings
    async with limits.query_uploads.hold(client):
        service.recognizer.prepare()  # while the audio arrives
        with TemporaryDirectory(dir=service.scratch) as scratch:
            form_limits = FormLimits(settings.query_bytes + ASK_BYTES, "query_bytes", ASK_BYTES)
            with FormFiles(Path(scratch), settings.query_bytes, (AUDIO,), clean_name) as form:
                fields = await read_form(request, limits.disk, form.open, form_limits)
            body = _parse_fields(fields)
            if (file := form.files.get(AUDIO)) is None:
                return body, None
            if body.query.strip():
                raise InvalidInput("The question has a text and audio; send one of them.")
            work = limits.query_files.run_cancellable(client, partial(recognize_question, service, file))
            heard = await cancel_on_disconnect(request, work)
    return body.model_copy(update={"query": heard}), heard


def _parse_fields(fields: Fields) -> AskRequest:
    """Build the request from the text fields of a form, where objects are JSON."""
    values: dict[str, object] = {"query": ""}
    for name, texts in fields.items():
        if name == "items":
            values[name] = texts
            continue
        if len(texts) > 1:
            raise InvalidInput(f"The form has the field {name!r} more than once.")
        values[name] = parse_json_field(name, texts[0]) if name in {"filters", "conversation"} else texts[0]
    try:
        return AskRequest.model_validate(values)
    except ValidationError as error:
        raise InvalidInput(describe_validation_errors(error.errors())) from error
