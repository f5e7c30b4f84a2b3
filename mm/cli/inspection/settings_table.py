"""The settings of an inspector as a flat table of plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass

Value = str | int | float | bool | None


def describe_settings(inspector: object) -> dict[str, Value]:
    """The settings of an inspector of any mode by name; those of nested groups as `group.name`.

    A setting that is a sequence becomes text. Empty for an inspector without settings.
    """
    settings = getattr(inspector, "settings", None)
    return _flatten("", settings) if is_dataclass(settings) else {}


def flatten_settings(settings: Mapping[str, object]) -> dict[str, Value]:
    """The same of settings as a JSON object, as the HTTP API returns them."""
    return _flatten("", settings)


def _flatten(prefix: str, value: object) -> dict[str, Value]:
    if is_dataclass(value) and not isinstance(value, type):
        table: dict[str, Value] = {}
        for field in fields(value):
            table |= _flatten(f"{prefix}.{field.name}" if prefix else field.name, getattr(value, field.name))
        return table
    if isinstance(value, Mapping):
        nested: dict[str, Value] = {}
        for name, each in value.items():
            nested |= _flatten(f"{prefix}.{name}" if prefix else str(name), each)
        return nested
    if value is None or isinstance(value, bool | int | float | str):
        return {prefix: value}
    return {prefix: ", ".join(map(str, value)) if isinstance(value, tuple | list) else str(value)}
