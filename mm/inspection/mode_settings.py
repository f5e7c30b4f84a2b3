"""Settings of a fit from a JSON object, as the HTTP API receives them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from functools import cache

from pydantic import TypeAdapter, ValidationError

from mm.errors import InvalidInput
from mm.inspection.features.backbone import BACKBONES
from mm.inspection.features.framing import Framing
from mm.inspection.settings import FitSettings

MAX_BANK_SIZE = 20_000
MAX_LONGEST = 4096
"""Pixels of the longer side after scaling, in a request."""


@cache
def _adapter() -> TypeAdapter[FitSettings]:
    return TypeAdapter(FitSettings)


def parse_fit_settings(values: Mapping[str, object]) -> FitSettings:
    """The settings of the mode `patches` from those that differ from their defaults.

    Raises `InvalidInput` for unknown names, values of another type or outside their limits, and a
    backbone that is not installed with the service: others are loaded from the disk of the server,
    which only a command may do.
    """
    _check_names("settings", values, FitSettings)
    framing = values.get("framing")
    if isinstance(framing, Mapping):
        _check_names("settings.framing", framing, Framing)
    try:
        settings = _adapter().validate_python(values, strict=False)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, ("settings", *first["loc"])))
        raise InvalidInput(f"{place}: {first['msg']}.") from error
    if settings.backbone not in BACKBONES:
        raise InvalidInput(
            f"The backbone of a request is one of {', '.join(BACKBONES)}, not {settings.backbone!r:.80}; "
            "`mm inspect fit` on the server loads others."
        )
    if settings.bank_size > MAX_BANK_SIZE:
        raise InvalidInput(f"A bank holds at most {MAX_BANK_SIZE:,} vectors, not {settings.bank_size:,}.")
    if settings.framing.longest is not None and settings.framing.longest > MAX_LONGEST:
        raise InvalidInput(f"The longest side is at most {MAX_LONGEST:,} pixels, not {settings.framing.longest:,}.")
    if len(settings.brightness) > 8:
        raise InvalidInput("At most 8 factors of brightness are allowed.")
    return settings


def _check_names(place: str, values: Mapping[str, object], schema: type) -> None:
    known = [field.name for field in fields(schema)]
    unknown = sorted(str(name) for name in values if name not in known)
    if unknown:
        raise InvalidInput(f"{place}: {unknown[0]!r:.80} is unknown; the names are {', '.join(known)}.")
