"""Draws a line chart as SVG, without a plotting library; equal numbers give equal bytes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from html import escape

_WIDTH, _HEIGHT = 720, 400
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 214, 48, 48
_COLOURS = ("#2f7ed8", "#d8572f", "#2f9e63", "#8a5fc7")


@dataclass(frozen=True, slots=True)
class Line:
    """A named line; y from 0 to 1."""

    name: str
    ys: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Chart:
    """Lines over a common logarithmic x axis, with a vertical marker."""

    title: str
    x_name: str
    xs: tuple[float, ...]
    lines: tuple[Line, ...]
    marked: float
    marker_name: str = "floor"

    def to_svg(self) -> str:
        """The chart as an SVG document."""
        elements = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" font-family="sans-serif" font-size="13">',
            f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#ffffff"/>',
            _text(_LEFT, 24, self.title, size=15),
            *self._grid(),
            *self._marker(),
            *(element for index, line in enumerate(self.lines) for element in self._line(line, _COLOURS[index % len(_COLOURS)])),
            *self._names(),
            "</svg>",
        ]
        return "\n".join(elements) + "\n"

    def _x(self, x: float) -> float:
        low, high = math.log10(self.xs[0]), math.log10(self.xs[-1])
        return _LEFT + (math.log10(x) - low) / (high - low) * (_WIDTH - _LEFT - _RIGHT)

    def _y(self, y: float) -> float:
        return _HEIGHT - _BOTTOM - y * (_HEIGHT - _TOP - _BOTTOM)

    def _grid(self) -> list[str]:
        parts = []
        for step in range(0, 11, 2):
            y = self._y(step / 10)
            parts.append(f'<path d="M{_LEFT} {y:.1f}H{_WIDTH - _RIGHT}" stroke="#dddddd"/>')
            parts.append(_text(_LEFT - 8, y + 4, f"{step * 10} %", anchor="end"))
        for power in range(math.ceil(math.log10(self.xs[0])), math.floor(math.log10(self.xs[-1])) + 1):
            parts.append(_text(self._x(10.0**power), _HEIGHT - _BOTTOM + 20, f"{10.0**power:g}", anchor="middle"))
        parts.append(_text((_LEFT + _WIDTH - _RIGHT) / 2, _HEIGHT - 8, self.x_name, anchor="middle"))
        return parts

    def _marker(self) -> list[str]:
        x = self._x(self.marked)
        dashed = f'<path d="M{x:.1f} {_TOP}V{_HEIGHT - _BOTTOM}" stroke="#888888" stroke-dasharray="4 4"/>'
        return [dashed, _text(x, _TOP - 6, f"{self.marker_name} {self.marked:.2g}", anchor="middle")]

    def _line(self, line: Line, colour: str) -> list[str]:
        points = " ".join(f"{self._x(x):.1f},{self._y(y):.1f}" for x, y in zip(self.xs, line.ys, strict=True))
        return [f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>']

    def _names(self) -> list[str]:
        """Names beside the ends of the lines, shifted so that they do not overlap."""
        ends = sorted((self._y(line.ys[-1]), index, line.name) for index, line in enumerate(self.lines))
        parts, lowest = [], 0.0
        for y, index, name in ends:
            lowest = max(y + 4, lowest + 17)
            parts.append(_text(_WIDTH - _RIGHT + 8, lowest, name, colour=_COLOURS[index % len(_COLOURS)]))
        return parts


def _text(x: float, y: float, text: str, *, size: int = 13, anchor: str = "start", colour: str = "#333333") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" fill="{colour}">{escape(text)}</text>'
