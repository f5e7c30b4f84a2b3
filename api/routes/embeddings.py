"""Vectors of texts and pictures, in the shape that OpenAI's clients know."""

from __future__ import annotations

import base64
import binascii
import re
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import anyio
import numpy as np
import numpy.typing as npt
from fastapi import APIRouter, Request

from api.bodies import read_json
from api.doors import DoorsDep
from api.openapi import json_body, responses
from api.service import Service, ServiceDep
from mm.errors import InvalidInput, MediaError, NotFound, TooLarge, Unavailable, UnsupportedMedia
from mm.schemas import Embedding, EmbeddingRequest, EmbeddingResponse, EmbeddingUsage

if TYPE_CHECKING:
    from mm.spaces import Space

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
async def embed(request: Request, service: ServiceDep, doors: DoorsDep) -> EmbeddingResponse:
    """Unit vectors in the order of the inputs; a text and a picture that mean the same lie close together."""
    limit = service.settings.query_bytes
    with doors.searches.enter():
        wanted = await read_json(request, EmbeddingRequest, limit, "query_bytes")
        inputs = [wanted.input] if isinstance(wanted.input, str) else wanted.input
        _check(service, wanted.model, inputs)
        await anyio.to_thread.run_sync(service.towers.wait, abandon_on_cancel=True)
        space, vectors, tokens = await anyio.to_thread.run_sync(_encode, service, inputs, limiter=service.encoders)
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


def _encode(service: Service, inputs: list[str]) -> tuple[str, Vectors, int]:
    """The space, vectors, shape (inputs, dim), and the tokens of the texts."""
    texts = [index for index, text in enumerate(inputs) if not _is_picture(text)]
    with service.serving.use() as served:
        space = served.space
        vectors = np.zeros((len(inputs), space.dim), np.float32)
        if texts:
            vectors[texts] = space.text.embed([inputs[index] for index in texts])
        for index in sorted(set(range(len(inputs))) - set(texts)):
            vectors[index] = _encode_picture(service, space, inputs[index], f"input {index}")
        tokens = sum(space.text.count_tokens([inputs[index] for index in texts])) if texts else 0
    return str(space.id), vectors, tokens


def _encode_picture(service: Service, space: Space, url: str, name: str) -> Vectors:
    try:
        data = base64.b64decode(url[url.index(",") + 1 :], validate=True)
    except binascii.Error as error:
        raise InvalidInput(f"The data URL of {name} is not base64: {error}.") from error
    with TemporaryDirectory(dir=service.scratch) as scratch:
        path = Path(scratch) / "picture"
        path.write_bytes(data)
        picture = service.reader.image(path, name, longest=PICTURE_PIXELS)
    (vector,) = space.image.embed([picture])
    return np.asarray(vector, np.float32)


def _is_picture(text: str) -> bool:
    return _DATA_URL.match(text) is not None


def _base64(vector: Vectors) -> str:
    """Little-endian float32, as OpenAI's clients ask for."""
    return base64.b64encode(vector.astype("<f4").tobytes()).decode()
