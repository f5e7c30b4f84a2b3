"""Captions."""

from __future__ import annotations

from collections.abc import Sequence

from mm.client.files import make_form_file
from mm.client.paths import item_path
from mm.client.responses import parse_body
from mm.client.steps import Flow, Send, Source
from mm.schemas import CaptionList, CaptionRequest


def caption(items: str | Sequence[str] = (), *, picture: Source | None = None) -> Flow[CaptionList]:
    """Caption items by id, or an image: stored captions, or new ones for this response.

    Raises `InvalidInput`, `NotFound`, `Conflict` for a video that is not encoded yet,
    `UnsupportedMedia` for audio and for a model that reads no images, `MediaError`, `TooLarge`,
    `Unavailable` without a language model.
    """
    if picture is not None:
        response = yield from Send("POST", "/v1/captions", files=[make_form_file("picture", picture)])
    else:
        ids = [items] if isinstance(items, str) else list(items)
        request = CaptionRequest.model_construct(items=ids)
        response = yield from Send("POST", "/v1/captions", json=request.model_dump())
    return parse_body(response, CaptionList)


def captions(item_id: str) -> Flow[CaptionList]:
    """List the stored captions of an item, in order of time. Raises `NotFound`."""
    return parse_body((yield from Send("GET", f"{item_path(item_id)}/captions")), CaptionList)
