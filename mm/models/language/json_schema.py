"""Limits of a JSON Schema that restricts what a language model writes."""

from __future__ import annotations

import math
from decimal import Decimal

from mm.errors import InvalidInput

MAX_MULTIPLE = 10_000
"""Of `multipleOf`, without the decimal point. An automaton of remainders has so many states: one of
a million takes half a minute to build, while all requests wait."""


def check_multiples(schema: object) -> None:
    """Raise `InvalidInput` when the least common multiple of all values of `multipleOf` in a parsed
    schema, without their decimal points, is above `MAX_MULTIPLE`."""
    common, pending = 1, [schema]
    while pending:
        node = pending.pop()
        if isinstance(node, dict):
            pending += node.values()
            value = node.get("multipleOf")
            if isinstance(value, int | float) and math.isfinite(value) and value > 0:
                common = math.lcm(common, _remove_point(value))
                if common > MAX_MULTIPLE:
                    raise InvalidInput(
                        f"The schema has a multipleOf of {value}; the maximum, and that of the least common multiple of all,"
                        f" is {MAX_MULTIPLE:,} without the decimal point."
                    )
        elif isinstance(node, list):
            pending += node


def _remove_point(value: float) -> int:
    """15 for 1.5, 3 for 0.003, 20 for 20."""
    _, digits, exponent = Decimal(str(value)).normalize().as_tuple()
    return int(Decimal((0, digits, max(0, int(exponent)))))
