"""Results of tools as text for a language model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mm.agent.results import Count, FoundMoment, ItemDescription, Moments, SceneDescription

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mm.schemas import Model

MAX_CHARS = 3000
"""Length of one observation, about 750 tokens: the built-in model reads 8,192 in all."""
MAX_TEXT_CHARS = 160


Place = tuple[str, float, float]
"""Id of an item, start and end of a time range of it."""


def list_places(result: Model) -> list[Place]:
    """List the places that a result is about: moments, and scenes with a description."""
    match result:
        case Moments():
            return [(moment.item, moment.start, moment.end) for moment in result.moments]
        case ItemDescription():
            return [(result.item, scene.start, scene.end) for scene in result.scenes if _describe_scene(scene)]
    return []


def format_result(result: Model) -> str:
    """Format a result, cut at `MAX_CHARS` at the end of a line."""
    lines: list[str] = []
    num_chars = 0
    for line in _list_lines(result):
        num_chars += len(line) + 1
        if num_chars > MAX_CHARS:
            lines.append("...")
            break
        lines.append(line)
    return "\n".join(lines)


def _list_lines(result: Model) -> Iterator[str]:
    match result:
        case Moments():
            if not result.moments:
                yield "Nothing in the library matches."
            for moment in result.moments:
                yield _format_moment(moment)
            yield from result.notes
        case Count():
            yield _format_count(result)
            yield from (f"{entry.name}: {entry.moments}" for entry in result.by_item)
        case ItemDescription():
            yield from _describe_item(result)


def _format_moment(moment: FoundMoment) -> str:
    time = "" if moment.kind == "image" else f" {moment.start:.0f}-{moment.end:.0f} s"
    texts = [f"shows {_cut(moment.caption)}"] if moment.caption else []
    texts += [f'{piece.kind} "{_cut(piece.text)}"' if piece.text else piece.kind for piece in moment.evidence]
    return f"{moment.name}{time}, {moment.band}: {'; '.join(texts)}"


def _format_count(count: Count) -> str:
    kinds = ", ".join(f"{number} {kind}" for kind, number in count.by_kind.items())
    moments = "" if count.moments is None else f" with {count.moments} moments"
    return f"{count.items} items{moments}{f' ({kinds})' if kinds else ''}{'' if count.is_complete else ', perhaps more'}."


def _describe_item(item: ItemDescription) -> Iterator[str]:
    length = f", {item.duration:.0f} s" if item.duration else ""
    yield f"{item.name}: {item.kind}{length}, uploaded {item.uploaded:%Y-%m-%d}, {item.status}."
    for scene in item.scenes:
        if description := _describe_scene(scene):
            yield f"{scene.start:.0f}-{scene.end:.0f} s: {description}"
    if item.next is not None:
        yield f"More scenes from {item.next:.0f} s."


def _describe_scene(scene: SceneDescription) -> str:
    """What is known about a scene; empty if nothing is."""
    parts = [f"shows {_cut(scene.caption)}"] if scene.caption else []
    parts += [f'said "{_cut(scene.said)}"'] if scene.said else []
    parts += [f'written "{_cut(scene.written)}"'] if scene.written else []
    parts += [f"sounds {', '.join(scene.sounds)}"] if scene.sounds else []
    return "; ".join(parts)


def _cut(text: str) -> str:
    return text if len(text) <= MAX_TEXT_CHARS else text[: MAX_TEXT_CHARS - 1] + "…"
