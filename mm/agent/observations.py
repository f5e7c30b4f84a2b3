"""Results of tools as text for a language model, with a number for each moment to cite."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mm.agent.results import Count, FoundMoment, ItemDescription, Moments

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mm.schemas import Model

MAX_CHARS = 3000
"""Length of one observation, about 750 tokens: the built-in model reads 8,192 in all."""
MAX_TEXT_CHARS = 160


class MomentNumbers:
    """Numbers the moments of all results from 1; a moment that is found again keeps its number."""

    def __init__(self) -> None:
        self.moments: list[FoundMoment] = []
        self._number_of: dict[tuple[str, float, float], int] = {}

    def number(self, moment: FoundMoment) -> int:
        """Return the number of a moment, a new one for a new moment."""
        key = (moment.item, moment.start, moment.end)
        if key not in self._number_of:
            self.moments.append(moment)
            self._number_of[key] = len(self.moments)
        return self._number_of[key]


def format_result(result: Model, numbers: MomentNumbers) -> str:
    """Format a result, cut at `MAX_CHARS` at the end of a line."""
    lines: list[str] = []
    num_chars = 0
    for line in _list_lines(result, numbers):
        num_chars += len(line) + 1
        if num_chars > MAX_CHARS:
            lines.append("...")
            break
        lines.append(line)
    return "\n".join(lines)


def _list_lines(result: Model, numbers: MomentNumbers) -> Iterator[str]:
    match result:
        case Moments():
            if not result.moments:
                yield "Nothing in the library matches."
            for moment in result.moments:
                yield _format_moment(moment, numbers.number(moment))
            yield from result.notes
        case Count():
            yield _format_count(result)
            yield from (f"{entry.name}: {entry.moments}" for entry in result.by_item)
        case ItemDescription():
            yield from _describe_item(result)


def _format_moment(moment: FoundMoment, number: int) -> str:
    time = "" if moment.kind == "image" else f" {moment.start:.0f}-{moment.end:.0f} s"
    texts = "; ".join(
        f'{piece.kind} "{_cut(piece.text)}"' if piece.text else piece.kind for piece in moment.evidence if piece.kind != "name"
    )
    return f"[{number}] {moment.name}{time}, {moment.band}: {texts or 'file name'}"


def _format_count(count: Count) -> str:
    kinds = ", ".join(f"{number} {kind}" for kind, number in count.by_kind.items())
    moments = "" if count.moments is None else f" with {count.moments} moments"
    return f"{count.items} items{moments}{f' ({kinds})' if kinds else ''}{'' if count.is_complete else ', perhaps more'}."


def _describe_item(item: ItemDescription) -> Iterator[str]:
    length = f", {item.duration:.0f} s" if item.duration else ""
    yield f"{item.name}: {item.kind}{length}, uploaded {item.uploaded:%Y-%m-%d}, {item.status}."
    for scene in item.scenes:
        parts = [f'said "{_cut(scene.said)}"'] if scene.said else []
        parts += [f'written "{_cut(scene.written)}"'] if scene.written else []
        parts += [f"sounds {', '.join(scene.sounds)}"] if scene.sounds else []
        if parts:
            yield f"{scene.start:.0f}-{scene.end:.0f} s: {'; '.join(parts)}"
    if item.next is not None:
        yield f"More scenes from {item.next:.0f} s."


def _cut(text: str) -> str:
    return text if len(text) <= MAX_TEXT_CHARS else text[: MAX_TEXT_CHARS - 1] + "…"
