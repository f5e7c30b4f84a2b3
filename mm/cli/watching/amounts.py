"""Durations and sizes as people write them: 7d, 12h, 30m; 50GB, 500MB."""

from __future__ import annotations

import re

import click

SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}
BYTES = {"mb": 10**6, "gb": 10**9, "tb": 10**12}


class _Duration(click.ParamType[float]):
    """A number with a unit, in seconds."""

    name = "duration"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, float):
            return value
        match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([smhdw])\s*", str(value).lower())
        if match is None or not float(match[1]):
            self.fail(f"{value!r} is not a duration; write a number and s, m, h, d or w, as in 7d.", param, ctx)
        return float(match[1]) * SECONDS[match[2]]


class _Bytes(click.ParamType[int]):
    """A number with a unit, in bytes."""

    name = "size"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([mgt]b)\s*", str(value).lower())
        if match is None or not float(match[1]):
            self.fail(f"{value!r} is not a size; write a number and MB, GB or TB, as in 50GB.", param, ctx)
        return int(float(match[1]) * BYTES[match[2]])


DURATION, BYTES_AMOUNT = _Duration(), _Bytes()


def format_duration(seconds: float) -> str:
    """The largest unit that gives a whole number: `7 d`."""
    unit = next(unit for unit in reversed(SECONDS) if seconds % SECONDS[unit] == 0 or unit == "s")
    return f"{seconds / SECONDS[unit]:g} {unit}"
