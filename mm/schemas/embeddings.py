"""Embeddings and models, in the format of OpenAI's API."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from mm.schemas.base import Model


class EmbeddingRequest(Model):
    """Texts, or images as base64 data URLs (`data:image/...;base64,...`), to encode."""

    input: str | list[str]
    model: str | None = None
    encoding_format: Literal["float", "base64"] = "float"


class Embedding(Model):
    object: Literal["embedding"] = "embedding"
    index: int
    embedding: list[float] | str


class EmbeddingUsage(Model):
    prompt_tokens: int
    total_tokens: int


class EmbeddingResponse(Model):
    object: Literal["list"] = "list"
    model: str
    data: list[Embedding]
    usage: EmbeddingUsage


class ModelInfo(Model):
    """A space that the service has loaded, or its language model."""

    id: str = Field(description="Name and version of a space, as in `lite@1`; name of a language model.")
    object: Literal["model"] = "model"
    created: int = Field(0, description="Always 0.")
    owned_by: str = "mm"
    kind: Literal["space", "language"] = "space"
    dim: int = Field(0, description="Length of a vector of a space; 0 for a language model.")
    towers: dict[str, str] = Field({}, description="Name of each tower -> its description.")
    runtime: str = ""
    card: str = Field("", description="The model card in Markdown: training data, numbers, limits.")


class ModelList(Model):
    object: Literal["list"] = "list"
    data: list[ModelInfo]
