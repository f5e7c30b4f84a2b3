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
    """A space that the service has loaded."""

    id: str = Field(description="Name and version, as in `lite@1`.")
    dim: int
    towers: dict[str, str] = Field(description="Name of each tower -> its description.")
    runtime: str
    card: str = Field(description="The model card in Markdown: training data, numbers, limits.")


class ModelList(Model):
    data: list[ModelInfo]
