"""Limits of a JSON Schema that restricts what a language model writes: of what takes llguidance
long to compile, while all requests wait."""

from __future__ import annotations

import math
from decimal import Decimal

from mm.errors import InvalidInput

MAX_MULTIPLE = 10_000
"""Of `multipleOf`, without the decimal point. An automaton of remainders has so many states: one of
a million takes half a minute."""
MAX_LENGTHS = 20_000
"""Sum of `minLength` and `maxLength` in a schema with regular expressions: whether any text fits
both takes 50 us for each character."""
_LARGEST = 1e300
"""Larger numbers count as this one: an integer of JSON may be larger than any float."""
_LENGTHS, _EXPRESSIONS = ("minLength", "maxLength"), ("pattern", "format", "patternProperties")


def check_schema_cost(schema: object) -> None:
    """Raise `InvalidInput` for a parsed schema over one of the limits.

    `MAX_MULTIPLE` limits the least common multiple of all values, which a schema can combine.
    """
    common, lengths, has_expression, pending = 1, 0.0, False, [schema]
    while pending:
        node = pending.pop()
        if isinstance(node, list):
            pending += node
        if not isinstance(node, dict):
            continue
        pending += node.values()
        has_expression = has_expression or any(name in node for name in _EXPRESSIONS)
        lengths += sum(_read_number(node.get(name)) for name in _LENGTHS)
        if multiple := _read_number(node.get("multipleOf")):
            common = math.lcm(common, _remove_point(multiple))
        if common > MAX_MULTIPLE:
            raise InvalidInput(
                f"The schema has a multipleOf of {multiple}; the maximum, and that of the least common multiple of all,"
                f" is {MAX_MULTIPLE:,} without the decimal point."
            )
    if has_expression and lengths > MAX_LENGTHS:
        raise InvalidInput(
            f"In a schema with {', '.join(_EXPRESSIONS[:-1])} or {_EXPRESSIONS[-1]} the sum of all minLength and maxLength"
            f" may be at most {MAX_LENGTHS:,}, not {lengths:,.0f}."
        )


def _read_number(value: object) -> float:
    """A positive number; 0 for anything else, which llguidance judges."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
        return 0
    return min(value, _LARGEST)


def _remove_point(value: float) -> int:
    """15 for 1.5, 3 for 0.003, 20 for 20."""
    _, digits, exponent = Decimal(str(value)).normalize().as_tuple()
    return int(Decimal((0, digits, max(0, int(exponent)))))
