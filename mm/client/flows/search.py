"""Search, embeddings and models."""

from __future__ import annotations

from collections.abc import Sequence

from mm.client.files import make_data_url, make_form_file
from mm.client.responses import parse_body, read_body
from mm.client.steps import Flow, Send, Source
from mm.schemas import (
    EmbeddingRequest,
    EmbeddingResponse,
    Filters,
    HitExportFormat,
    Like,
    ModelInfo,
    ModelList,
    SearchRequest,
    SearchResponse,
    Weights,
)


def search(
    text: str | None = None,
    *,
    picture: Source | None = None,
    sound: Source | None = None,
    clip: Source | None = None,
    like: Like | None = None,
    also: Sequence[str] = (),
    without: Sequence[str] = (),
    parse: bool = True,
    weights: Weights | None = None,
    k: int = 10,
    filters: Filters | None = None,
    floor: float | None = None,
    fold: bool = True,
) -> Flow[SearchResponse]:
    """Search with a text, an image, audio, a clip, a position in the library, or several of them;
    returns the best `k` hits.

    A hit must also match each text of `also`, and must not match the texts of `without`; `weights`
    sets the weight of each query component. If `without` is empty, what the text excludes is read
    from it ('dog not in water'), unless `parse` is False; the response has what was searched. Hits
    of the bands `possible` and `weak` follow the likely ones; no hits means that nothing matches.
    `floor` replaces the score threshold of the space for possible hits. Near-duplicates in other
    items are in `alike` of a hit; with `fold=False` they are separate hits. Raises `InvalidInput`,
    `NotFound` for the item of `like`, `UnsupportedMedia`, `MediaError`, `TooLarge`.
    """
    sources = {"picture": picture, "sound": sound, "clip": clip}
    files = [make_form_file(field, source) for field, source in sources.items() if source is not None]
    request = SearchRequest.model_construct(
        text=text,
        like=like,
        also=list(also),
        without=list(without),
        parse=parse,
        weights=weights or Weights(),
        k=k,
        filters=filters or Filters(),
        floor=floor,
        fold=fold,
    )
    if files:
        response = yield from Send("POST", "/v1/search", form=_build_form(request), files=files)
    else:
        response = yield from Send("POST", "/v1/search", json=request.model_dump(mode="json"))
    return parse_body(response, SearchResponse)


def export_hits(
    request: SearchRequest,
    export_format: HitExportFormat = "csv",
    *,
    picture: Source | None = None,
    sound: Source | None = None,
    clip: Source | None = None,
) -> Flow[bytes]:
    """Search, and get the hits as a CSV or JSON file, or as a contact sheet (`html`).

    A contact sheet is one file with its images, of at most 200 hits. Raises as `search`.
    """
    sources = {"picture": picture, "sound": sound, "clip": clip}
    files = [make_form_file(field, source) for field, source in sources.items() if source is not None]
    path, params = "/v1/search/export", {"format": export_format}
    if files:
        return read_body((yield from Send("POST", path, params=params, form=_build_form(request), files=files)))
    return read_body((yield from Send("POST", path, params=params, json=request.model_dump(mode="json"))))


def _build_form(request: SearchRequest) -> dict[str, str | list[str]]:
    """Return the text fields of a multipart search request; unset ones are left out."""
    values = {
        "text": request.text,
        "k": request.k,
        "floor": request.floor,
        "fold": str(request.fold).lower(),
        "parse": str(request.parse).lower(),
        "filters": request.filters.model_dump_json(),
        "weights": request.weights.model_dump_json(),
        "like": None if request.like is None else request.like.model_dump_json(),
    }
    form: dict[str, str | list[str]] = {name: str(value) for name, value in values.items() if value is not None}
    return form | {"also": request.also, "without": request.without}


def embed(inputs: str | Sequence[Source], *, model: str | None = None) -> Flow[EmbeddingResponse]:
    """Encode texts and images as unit vectors, in order. A `str` is a text, a `Path` or bytes an
    image.

    Raises `InvalidInput`, `NotFound` for a model that is not served, `TooLarge`, `MediaError`.
    """
    sources = [inputs] if isinstance(inputs, str) else inputs
    encoded = [source if isinstance(source, str) else make_data_url(source) for source in sources]
    request = EmbeddingRequest(input=encoded, model=model)
    return parse_body((yield from Send("POST", "/v1/embeddings", json=request.model_dump())), EmbeddingResponse)


def models() -> Flow[list[ModelInfo]]:
    """List the space that the service has loaded, and its language model."""
    return parse_body((yield from Send("GET", "/v1/models")), ModelList).data
