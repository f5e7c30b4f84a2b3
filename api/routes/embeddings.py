"""Vectors of texts and pictures, in the shape that OpenAI's clients know."""

from __future__ import annotations

import base64
import binascii
import re
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from fastapi import APIRouter, Request

from api.http.bodies import read_json
from api.http.openapi import json_body, responses
from api.limits.disconnects import until_disconnect
from api.limits.resources import LimitsDep
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
PICTURE_PIXELS = 512  # longest side of what is decoded; the tower reads less
_DATA_URL = re.compile(r"data:image/[\w.+-]+;base64,", re.ASCII)

Vectors = npt.NDArray[np.float32]


@router.post(
    "",
    summary="Encode texts or pictures",
    responses=responses(NotFound, UnsupportedMedia, MediaError, TooLarge, Unavailable),
    openapi_extra=json_body(
        EmbeddingRequest,
        texts={"input": ["a dog in the snow", "a meeting about money"], "model": "lite"},
        picture={"input": "data:image/png;base64,iVBORw0KGgo...", "encoding_format": "base64"},
    ),
)
async def embed(request: Request, service: ServiceDep, limits: LimitsDep) -> EmbeddingResponse:
    """Unit vectors in the order of the inputs; a text and a picture that mean the same lie close
    together."""
    wanted = await read_json(request, EmbeddingRequest, service.settings.query_bytes, "query_bytes")
    inputs = [wanted.input] if isinstance(wanted.input, str) else wanted.input
    _check(service, wanted.model, inputs)
    encoding = _encode_in_turn(service, limits, get_client_id(request.scope), inputs)
    space, vectors, tokens = await until_disconnect(request, encoding)
    data = [
        Embedding(index=index, embedding=_base64(vector) if wanted.encoding_format == "base64" else vector.tolist())
        for index, vector in enumerate(vectors)
    ]
    usage = EmbeddingUsage(prompt_tokens=tokens, total_tokens=tokens)
    return EmbeddingResponse(model=space, data=data, usage=usage)


def _check(service: Service, model: str | None, inputs: list[str]) -> None:
    served = service.space.id
    if model not in {None, served.name, str(served)}:
        raise NotFound(f"There is no model {model!r} here; this service has {served}.")
    if not 1 <= len(inputs) <= MAX_INPUTS:
        raise InvalidInput(f"There are {len(inputs)} inputs; one request takes 1 to {MAX_INPUTS}.")
    for index, text in enumerate(inputs):
        if not text.strip():
            raise InvalidInput(f"Input {index} is empty.")
        if not _is_picture(text) and len(text) > service.settings.query_chars:
            raise TooLarge(
                f"Input {index} has {len(text):,} characters; at most {service.settings.query_chars:,} are read (MM_QUERY_CHARS)."
            )


async def _encode_in_turn(service: Service, limits: Limits, caller: str, inputs: list[str]) -> tuple[str, Vectors, int]:
    await service.towers.loaded()
    pictures = {index: url for index, url in enumerate(inputs) if _is_picture(url)}
    decoded: dict[int, RGB] = {}
    if pictures:
        decoded = await limits.query_files.run_cancellable(caller, partial(_decode, service, pictures))
    return await limits.searches.run(caller, _encode, service, inputs, decoded)


def _decode(service: Service, urls: dict[int, str], cancelled: threading.Event) -> dict[int, RGB]:
    """The pictures of data URLs by their index. Raises `Cancelled` between two of them once the
    event is set."""
    decoded: dict[int, RGB] = {}
    for index, url in urls.items():
        if cancelled.is_set():
            raise Cancelled(f"Reading input {index} was cancelled.")
        decoded[index] = _decode_picture(service, url, f"input {index}")
    return decoded


def _encode(service: Service, inputs: list[str], pictures: dict[int, RGB]) -> tuple[str, Vectors, int]:
    """The space, vectors, shape (inputs, dim), and the tokens of the texts."""
    texts = [index for index in range(len(inputs)) if index not in pictures]
    with service.serving.use() as served:
        space = served.space
        vectors = np.zeros((len(inputs), space.dim), np.float32)
        if texts:
            vectors[texts] = space.text.embed([inputs[index] for index in texts])
        for index, picture in pictures.items():
            (vectors[index],) = space.image.embed([picture])
        tokens = sum(space.text.count_tokens([inputs[index] for index in texts])) if texts else 0
    return str(space.id), vectors, tokens


def _decode_picture(service: Service, url: str, name: str) -> RGB:
    try:
        data = base64.b64decode(url[url.index(",") + 1 :], validate=True)
    except binascii.Error as error:
        raise InvalidInput(f"The data URL of {name} is not base64: {error}.") from error
    with TemporaryDirectory(dir=service.scratch) as scratch:
        path = Path(scratch) / "picture"
        path.write_bytes(data)
        return service.query_reader.image(path, name, longest=PICTURE_PIXELS)


def _is_picture(text: str) -> bool:
    return _DATA_URL.match(text) is not None


def _base64(vector: Vectors) -> str:
    """Little-endian float32, as OpenAI's clients ask for."""
    return base64.b64encode(vector.astype("<f4").tobytes()).decode()
