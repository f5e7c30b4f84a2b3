"""Captions of items and of images that are sent."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from fastapi import APIRouter, Request

from api.captions.confidence import judge_captions, make_note
from api.captions.plan import plan_items, plan_upload, serialize_caption
from api.captions.write import write_captions
from api.http.bodies import read_json
from api.http.form_files import FormFiles
from api.http.forms import FormLimits, is_form, read_form
from api.limits.disconnects import cancel_on_disconnect
from api.limits.resources import LimitsDep, hold_while_processing
from api.openapi.operations import captions_body, responses
from api.request_context import get_client_id
from api.service import Service, ServiceDep
from api.uploads.names import clean_name
from mm.errors import (
    Conflict,
    GenerationFailed,
    GenerationInterrupted,
    InvalidInput,
    MediaError,
    MissingData,
    NotFound,
    TooLarge,
    TooMany,
    Unavailable,
    UnsupportedMedia,
)
from mm.schemas import CaptionList, CaptionRequest

if TYPE_CHECKING:
    from collections.abc import Callable

    from api.captions.plan import CaptionPlan
    from api.http.form_files import FormFile
    from api.limits.resources import Limits

router = APIRouter(prefix="/v1", tags=["captions"])

BODY_BYTES = 64 << 10
"""Of the ids of a request."""
FIELD = "picture"


@router.get(
    "/media/{item_id}/captions",
    summary="List the stored captions of an item",
    responses=responses(NotFound),
    dependencies=[hold_while_processing("catalog")],
)
def list_captions(item_id: str, service: ServiceDep) -> CaptionList:
    """In order of time; none before a worker has written them. Improbable ones are left out."""
    item = service.library.get_item(item_id)
    with service.spaces.acquire() as served:
        rows = service.store.catalog.list_captions(item.id, served.space.id)
        num_hidden = service.store.catalog.count_hidden_captions(item.id, served.space.id)
    return CaptionList(captions=[serialize_caption(item.id, row) for row in rows], notes=make_note(num_hidden))


@router.post(
    "/captions",
    summary="Caption items or an image",
    responses=responses(
        NotFound,
        Conflict,
        MissingData,
        UnsupportedMedia,
        MediaError,
        TooLarge,
        TooMany,
        GenerationFailed,
        Unavailable,
        GenerationInterrupted,
    ),
    dependencies=[hold_while_processing("chats")],
    openapi_extra=captions_body(CaptionRequest, items={"items": ["88431cd9653ccd539741b555fb0a46b6"]}),
)
async def create_captions(request: Request, service: ServiceDep, limits: LimitsDep) -> CaptionList:
    """Stored captions of the items; those of other items, or of the image in the form field
    `picture`, are written for the response and not stored."""
    with TemporaryDirectory(dir=service.scratch) as scratch:
        if not is_form(request):
            body = await read_json(request, CaptionRequest, BODY_BYTES)
            return await cancel_on_disconnect(
                request, _caption(request, service, limits, partial(plan_items, item_ids=body.items))
            )
        file = await _read_image(request, service, limits, Path(scratch))
        plan = partial(plan_upload, path=file.path, name=file.name)
        return await cancel_on_disconnect(request, _caption(request, service, limits, plan))


async def _read_image(request: Request, service: Service, limits: Limits, scratch: Path) -> FormFile:
    """Read a form; the image is written below `scratch`."""
    max_bytes = service.settings.query_bytes
    form_limits = FormLimits(max_bytes + BODY_BYTES, "query_bytes", BODY_BYTES)
    with FormFiles(scratch, max_bytes, (FIELD,), clean_name) as form:
        fields = await read_form(request, limits.disk, form.open, form_limits)
    if fields or FIELD not in form.files:
        raise InvalidInput(f"The form needs one image, in the field {FIELD}, and nothing else.")
    return form.files[FIELD]


async def _caption(request: Request, service: Service, limits: Limits, plan: Callable[..., CaptionPlan]) -> CaptionList:
    """`plan` is called in a thread with the service, the model, and an event as `cancelled`."""
    client, model = get_client_id(request.scope), service.chat_models.default
    await service.towers.wait_async()
    planned = await limits.query_files.run_cancellable(client, lambda cancelled: plan(service, model, cancelled=cancelled))
    captions = await write_captions(model, planned, client)
    return await limits.query_files.run(client, judge_captions, service, planned, captions)
