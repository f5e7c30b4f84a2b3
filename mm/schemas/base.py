"""Base class of all schemas."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, WithJsonSchema

Pair = Annotated[
    tuple[float, float], WithJsonSchema({"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2})
]
"""Two numbers, without `prefixItems` in the schema: some readers of OpenAPI do not accept it."""


class Model(BaseModel):
    """Immutable; an unknown field is an error, so that a misspelt one does not pass unnoticed."""

    model_config = ConfigDict(extra="forbid", frozen=True)
