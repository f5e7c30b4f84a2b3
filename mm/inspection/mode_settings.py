"""Settings of a fit from a JSON object, as the HTTP API receives them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from mm.errors import InvalidInput
from mm.inspection.features.backbone import BACKBONES
from mm.inspection.features.framing import Framing
from mm.inspection.logical.regions import NamedRegion, parse_regions
from mm.inspection.logical.settings import LogicalSettings
from mm.inspection.settings import FitSettings
from mm.inspection.template.settings import TemplateSettings

MAX_BANK_SIZE = 20_000
MAX_LONGEST = 4096
"""Pixels of the longer side after scaling, in a request."""


S = TypeVar("S")


def check_mode_settings(mode: str, values: Mapping[str, object], *, is_draft: bool = False) -> None:
    """Raise `InvalidInput` for settings that a mode does not have, or for an unknown mode.

    A draft of the mode `logical` may lack its regions, which are drawn on the first good image.
    """
    if mode == "patches":
        parse_fit_settings(values)
    elif mode == "template":
        parse_template_settings(values)
    elif mode == "logical":
        if is_draft and "regions" not in values:
            _parse_logical_options(values)
        else:
            parse_logical_settings(values)
    else:
        raise InvalidInput(f"The mode of an inspector is patches, template or logical, not {mode!r:.80}.")


def parse_template_settings(values: Mapping[str, object]) -> TemplateSettings:
    """The settings of the mode `template` from those that differ from their defaults.

    Raises `InvalidInput`.
    """
    return _parse(TemplateSettings, values)


def parse_logical_settings(values: Mapping[str, object]) -> tuple[tuple[NamedRegion, ...], LogicalSettings]:
    """The regions, from the entry `regions`, and the other settings of the mode `logical`.

    Raises `InvalidInput`.
    """
    settings = _parse_logical_options({name: value for name, value in values.items() if name != "regions"})
    return parse_regions(json.dumps(values.get("regions", []))), settings


def _parse_logical_options(values: Mapping[str, object]) -> LogicalSettings:
    """The settings besides the regions."""
    settings = _parse(LogicalSettings, values)
    _check_backbone(settings.backbone)
    return settings


def _parse(schema: type[S], values: Mapping[str, object]) -> S:
    _check_names("settings", values, schema)
    try:
        return TypeAdapter(schema).validate_python(values)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, ("settings", *first["loc"])))
        raise InvalidInput(f"{place}: {first['msg']}.") from error


def _check_backbone(name: str) -> None:
    if name not in BACKBONES:
        raise InvalidInput(
            f"The backbone of a request is one of {', '.join(BACKBONES)}, not {name!r:.80}; "
            "`mm inspect fit` on the server loads others."
        )


def parse_fit_settings(values: Mapping[str, object]) -> FitSettings:
    """The settings of the mode `patches` from those that differ from their defaults.

    Raises `InvalidInput` for unknown names, values of another type or outside their limits, and a
    backbone that is not installed with the service: others are loaded from the disk of the server,
    which only a command may do.
    """
    framing = values.get("framing")
    if isinstance(framing, Mapping):
        _check_names("settings.framing", framing, Framing)
    settings = _parse(FitSettings, values)
    _check_backbone(settings.backbone)
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
