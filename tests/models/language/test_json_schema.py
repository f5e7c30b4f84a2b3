"""Limits of JSON Schemas."""

from __future__ import annotations

import pytest

from mm.errors import InvalidInput
from mm.models.language.json_schema import check_schema_cost


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
        {"multipleOf": True},
        {"multipleOf": "20000"},
        {"multipleOf": -5_000_000},
    ],
)
def test_check_schema_cost_accepts_small_multiples(schema: object) -> None:
    check_schema_cost(schema)


@pytest.mark.parametrize(
    "schema",
    [
        {"multipleOf": 10_001},
        {"type": "array", "items": {"multipleOf": 1.0001}},
        {"multipleOf": 1e300},
        {"multipleOf": 10**400},
        {"allOf": [{"multipleOf": 101}, {"multipleOf": 103}]},
        {"$ref": "#/$defs/a", "$defs": {"a": {"multipleOf": 999_983}}},
    ],
)
def test_check_schema_cost_refuses_automata_with_many_states(schema: object) -> None:
    with pytest.raises(InvalidInput, match="multipleOf"):
        check_schema_cost(schema)


@pytest.mark.parametrize("expression", [{"pattern": "a"}, {"format": "email"}, {"patternProperties": {"^a": {}}}])
def test_check_schema_cost_refuses_expressions_of_long_texts(expression: dict[str, object]) -> None:
    lengths = {"properties": {"a": {"maxLength": 15_000}, "b": {"minLength": 5_001}}}
    check_schema_cost(lengths)
    with pytest.raises(InvalidInput, match="20,001"):
        check_schema_cost({"anyOf": [lengths, expression]})
    with pytest.raises(InvalidInput, match="at most 20,000"):
        check_schema_cost({"maxLength": 10**400, **expression})
