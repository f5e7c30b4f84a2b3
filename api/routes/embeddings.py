"""Embeddings of texts and images, in the format of OpenAI's API."""

from __future__ import annotations

import base64
import re
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from fastapi import APIRouter, Request

from api.http.bodies import read_json
from api.limits.disconnects import cancel_on_disconnect
from api.limits.resources import LimitsDep
from api.openapi.operations import json_body, responses
from api.request_context import get_client_id
from api.service import Service, ServiceDep
from mm.errors import Cancelled, InvalidInput, MediaError, NotFound, TooLarge, Unavailable, UnsupportedMedia
from mm.schemas import Embedding, EmbeddingRequest, EmbeddingResponse, EmbeddingUsage

if TYPE_CHECKING:
    import threading

    from api.limits.resources import Limits
    from mm.media.types import RGB

router = APIRouter(prefix="/v1/embeddings", tags=["embeddings"])

MAX_INPUTS = 512
IMAGE_PIXELS = 512  # longest side of a decoded image; the tower uses less
_DATA_URL = re.compile(r"data:image/[\w.+-]+;base64,", re.ASCII)

Vectors = npt.NDArray[np.float32]


@router.post(
    "",
    summary="Encode texts or images",
    responses=responses(NotFound, UnsupportedMedia, MediaError, TooLarge, Unavailable),
    openapi_extra=json_body(
        EmbeddingRequest,
        texts={"input": ["a dog in the snow", "a meeting about money"], "model": "lite"},
        picture={"input": "data:image/png;base64,iVBORw0KGgo...", "encoding_format": "base64"},
    ),
)
async def embed(request: Request, service: ServiceDep, limits: LimitsDep) -> EmbeddingResponse:
    """Unit vectors in the order of the inputs. Texts and images share one space."""
    body = await read_json(request, EmbeddingRequest, service.settings.query_bytes, "query_bytes")
    inputs = [body.input] if isinstance(body.input, str) else body.input
    _check(service, body.model, inputs)
    encoding = _encode_inputs(service, limits, get_client_id(request.scope), inputs)
    space, vectors, tokens = await cancel_on_disconnect(request, encoding)
    data = [
        Embedding(index=index, embedding=_encode_base64(vector) if body.encoding_format == "base64" else vector.tolist())
        for index, vector in enumerate(vectors)
    ]
    usage = EmbeddingUsage(prompt_tokens=tokens, total_tokens=tokens)
    return EmbeddingResponse(model=space, data=data, usage=usage)


def _check(service: Service, model: str | None, inputs: list[str]) -> None:
    served = service.space.id
    if model not in {None, served.name, str(served)}:
        raise NotFound(f"There is no model {model!r}; this service has {served}.")
    if not 1 <= len(inputs) <= MAX_INPUTS:
        raise InvalidInput(f"There are {len(inputs)} inputs; a request has 1 to {MAX_INPUTS}.")
    for index, text in enumerate(inputs):
        if not text.strip():
            raise InvalidInput(f"Input {index} is empty.")
        if not _is_data_url(text) and len(text) > service.settings.query_chars:
            raise TooLarge(
                f"Input {index} has {len(text):,} characters; the maximum is {service.settings.query_chars:,} (MM_QUERY_CHARS)."
            )


async def _encode_inputs(service: Service, limits: Limits, client: str, inputs: list[str]) -> tuple[str, Vectors, int]:
    await service.towers.wait_async()
    urls = {index: url for index, url in enumerate(inputs) if _is_data_url(url)}
    decoded: dict[int, RGB] = {}
    if urls:
        decoded = await limits.query_files.run_cancellable(client, partial(_decode, service, urls))
    return await limits.searches.run(client, _encode, service, inputs, decoded)


def _decode(service: Service, urls: dict[int, str], cancelled: threading.Event) -> dict[int, RGB]:
    """Decode the images of data URLs, by index. Raises `Cancelled` between two of them once the
    event is set."""
    decoded: dict[int, RGB] = {}
    for index, url in urls.items():
        if cancelled.is_set():
            raise Cancelled(f"Decoding of input {index} was cancelled.")
        decoded[index] = _decode_image(service, url, f"input {index}")
    return decoded


def _encode(service: Service, inputs: list[str], images: dict[int, RGB]) -> tuple[str, Vectors, int]:
    """Return the space, vectors of shape (inputs, dim), and the number of tokens of the texts."""
    texts = [index for index in range(len(inputs)) if index not in images]
    with service.spaces.acquire() as served:
        space = served.space
        vectors = np.zeros((len(inputs), space.dim), np.float32)
        if texts:
            vectors[texts] = space.text.embed([inputs[index] for index in texts])
        for index, image in images.items():
            (vectors[index],) = space.image.embed([image])
        tokens = sum(space.text.count_tokens([inputs[index] for index in texts])) if texts else 0
    return str(space.id), vectors, tokens


def _decode_image(service: Service, url: str, name: str) -> RGB:
    try:
        data = base64.b64decode(url[url.index(",") + 1 :], validate=True)
    except ValueError as error:  # characters outside ASCII, or binascii.Error
        raise InvalidInput(f"The data URL of {name} is not base64: {error}.") from error
    with TemporaryDirectory(dir=service.scratch) as scratch:
        path = Path(scratch) / "image"
        path.write_bytes(data)
        return service.query_reader.image(path, name, longest=IMAGE_PIXELS)


def _is_data_url(text: str) -> bool:
    return _DATA_URL.match(text) is not None


def _encode_base64(vector: Vectors) -> str:
    """Encode little-endian float32, as in OpenAI's API."""
    return base64.b64encode(vector.astype("<f4").tobytes()).decode()
