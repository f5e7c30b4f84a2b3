"""How values are written for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mm.embedded.terminal import clean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mm.schemas import Evidence, Item

LEAST_SHARE = 0.1  # of the strongest evidence's score: what is below is not worth a mention beside it
HOUR = 3600
UNITS = ("bytes", "kB", "MB", "GB", "TB")


def format_clock(seconds: float, duration: float = 0.0) -> str:
    """`1:05` or `2:03:04`; seconds are cut, not rounded, as players show them. Of something that
    lasts an hour or more, which `duration` in seconds says, hours are always written: `0:02:30`."""
    minutes, second = divmod(int(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours or duration >= HOUR else f"{minute}:{second:02}"


def format_span(start: float, end: float, duration: float = 0.0) -> str:
    """When a moment is, in something that lasts `duration` seconds; nothing for a picture, which
    has no time."""
    return f"{format_clock(start, duration)}-{format_clock(end, duration)}" if end > start else ""


def format_bytes(count: float) -> str:
    """`1.5 MB`."""
    unit = 0
    while count >= 1000 and unit < len(UNITS) - 1:
        count, unit = count / 1000, unit + 1
    return f"{count:.0f} {UNITS[unit]}" if unit == 0 else f"{count:.1f} {UNITS[unit]}"


def describe_item(item: Item) -> str:
    """Kind, length and size of an item."""
    length = [format_clock(item.duration)] if item.duration else []
    return ", ".join([item.kind, *length, format_bytes(item.size)])


def format_score(probability: float) -> str:
    """Two decimals, three for what is small."""
    return f"{probability:.2f}" if probability >= 0.1 else f"{probability:.3f}"


def format_evidence(evidence: Sequence[Evidence]) -> str:
    """What carried a hit, strongest first: kind, score, and the words; what hardly counted is left
    out."""
    least = LEAST_SHARE * max((one.score for one in evidence), default=0.0)
    return "; ".join(_reason(one) for one in evidence if one.score >= least)


def _reason(evidence: Evidence) -> str:
    words = clean(evidence.text or "")
    if words:
        words = f" {words}" if evidence.kind == "sound" else f' "{words}"'
    return f"{evidence.kind} {format_score(evidence.score)}{words}"
