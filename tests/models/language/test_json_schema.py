"""Limits of JSON Schemas."""

from __future__ import annotations

import pytest

from mm.errors import InvalidInput
from mm.models.language.json_schema import check_multiples


@pytest.mark.parametrize(
    "schema",
    [
        {},
        True,
        {"multipleOf": 10_000},
        {"multipleOf": 0.0001},
        {"properties": {"multipleOf": {"type": "integer", "multipleOf": 60}, "b": {"multipleOf": 0.25}}},
        {"anyOf": [{"multipleOf": 12}, {"multipleOf": 365}]},
        {"multipleOf": float("inf")},
        {"multipleOf": -5_000_000},
    ],
)
def test_check_multiples_accepts_small_ones(schema: object) -> None:
    check_multiples(schema)


@pytest.mark.parametrize(
    "schema",
    [
        {"multipleOf": 10_001},
        {"type": "array", "items": {"multipleOf": 1.0001}},
        {"multipleOf": 1e300},
        {"allOf": [{"multipleOf": 101}, {"multipleOf": 103}]},
        {"$ref": "#/$defs/a", "$defs": {"a": {"multipleOf": 999_983}}},
    ],
)
def test_check_multiples_refuses_automata_with_many_states(schema: object) -> None:
    with pytest.raises(InvalidInput, match="multipleOf"):
        check_multiples(schema)
