"""Subset of JSON Schema (draft 7) that the Compose specification uses."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

TYPES: dict[str, type | tuple[type, ...]] = {
    "object": dict,
    "array": list,
    "string": str,
    "boolean": bool,
    "null": type(None),
    "integer": int,
    "number": (int, float),
}
ANNOTATIONS = frozenset({"$schema", "$id", "title", "description", "default", "deprecated", "definitions", "format"})
KEYWORDS = frozenset({"$ref", "type", "enum", "minimum", "maximum", "pattern", "items", "uniqueItems", "oneOf"})
OF_OBJECTS = frozenset({"required", "properties", "patternProperties", "additionalProperties"})


def violations(value: Any, schema: dict[str, Any], root: dict[str, Any], at: str = "") -> Iterator[str]:
    """Violations of the schema, one line each, prefixed with the path of the value."""
    unknown = schema.keys() - KEYWORDS - OF_OBJECTS - ANNOTATIONS
    assert not unknown, f"keywords that are not checked: {sorted(unknown)}"
    if "$ref" in schema:
        yield from violations(value, root["definitions"][schema["$ref"].removeprefix("#/definitions/")], root, at)
    kinds = schema.get("type", [])
    if kinds and not any(is_a(value, kind) for kind in ([kinds] if isinstance(kinds, str) else kinds)):
        yield f"{at}: {value!r} is not {kinds}"
        return
    if value not in schema.get("enum", [value]):
        yield f"{at}: {value!r} is not one of {schema['enum']}"
    if is_a(value, "number") and not schema.get("minimum", value) <= value <= schema.get("maximum", value):
        yield f"{at}: {value} is out of range"
    if isinstance(value, str) and not re.search(schema.get("pattern", ""), value):
        yield f"{at}: {value!r} does not match {schema['pattern']}"
    if isinstance(value, list):
        if schema.get("uniqueItems") and any(item in value[:index] for index, item in enumerate(value)):
            yield f"{at}: an item is repeated"
        for index, item in enumerate(value):
            yield from violations(item, schema.get("items", {}), root, f"{at}[{index}]")
    if isinstance(value, dict):
        yield from in_object(value, schema, root, at)
    choices = [list(violations(value, choice, root, at)) for choice in schema.get("oneOf", [])]
    if choices and all(choices):  # report the alternative whose first violation is deepest
        yield from max(choices, key=lambda lines: len(lines[0].partition(":")[0]))
    elif sum(not choice for choice in choices) > 1:
        yield f"{at}: {value!r} matches several alternatives"


def in_object(value: dict[str, Any], schema: dict[str, Any], root: dict[str, Any], at: str) -> Iterator[str]:
    yield from (f"{at}: {name} is missing" for name in schema.get("required", []) if name not in value)
    for name, item in value.items():
        known = [schema["properties"][name]] if name in schema.get("properties", {}) else []
        known += [other for pattern, other in schema.get("patternProperties", {}).items() if re.search(pattern, name)]
        if not known:
            other = schema.get("additionalProperties", True)
            if other is False:
                yield f"{at}: {name} is not known"
            known = [other] if isinstance(other, dict) else []
        for child in known:
            yield from violations(item, child, root, f"{at}.{name}".lstrip("."))


def is_a(value: Any, kind: str) -> bool:
    return isinstance(value, TYPES[kind]) and (kind == "boolean" or not isinstance(value, bool))
