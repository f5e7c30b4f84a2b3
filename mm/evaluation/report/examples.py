"""The worst and the best items of a run, with images, frames of videos and clips of sounds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from mm.documents.parts import make_data_url
from mm.errors import MMError
from mm.evaluation.runs.types import ItemRecord, Run, RunMeasure
from mm.media.types import RGB

LONGEST = 480
"""Pixels of the longer side of an image, so that a report has a bounded size."""

NUM_FRAMES = 4
"""Of a video, side by side, each of `LONGEST` / 2 pixels."""
CLIP_SECONDS = 4.0
"""Of a sound: 128 kB."""


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """What a report shows of a file."""

    images: Sequence[RGB] = ()
    """The image, or frames of a video in order."""
    sound: bytes = b""
    """The start of a sound, a WAV file."""
    peaks: Sequence[float] = ()
    """Of the sound: loudness from 0 to 1 of equal parts, for print."""
    note: str = ""
    """What the images or the sound are of the file."""


OpenShown = Callable[[Path, float, float | None], Shown]
"""From a file and the seconds of the item in it, an end of None being that of the file. Raises
`MMError`."""


@dataclass(frozen=True, slots=True)
class Ranked:
    """Items from the worst to the best by one value."""

    measure: RunMeasure
    items: tuple[ItemRecord, ...]


def rank_items(run: Run) -> Ranked | None:
    """Items by the value of the first measure that items have; None where there is none.

    Of a rank the largest is the worst; of another value the lowest, if higher is better.
    """
    for measure in run.outcome.measures:
        having = [item for item in run.outcome.items if measure.of in item.values]
        if measure.of and having:
            is_rank = measure.statistic.startswith("recall@")
            ascending = measure.is_higher_better and not is_rank
            ordered = sorted(having, key=lambda item: item.values[measure.of] if ascending else -item.values[measure.of])
            return Ranked(measure, tuple(ordered))
    return None


@dataclass(frozen=True, slots=True)
class Examples:
    """Items with the worst and with the best values, one of each group, none in both."""

    measure: RunMeasure
    worst: list[ItemRecord]
    best: list[ItemRecord]


def choose_examples(run: Run, count: int) -> Examples | None:
    """Up to `count` of the worst and of the best items; None where items have no values."""
    ranked = rank_items(run)
    if ranked is None:
        return None
    worst = spread_groups(ranked.items, count)
    shown = {item.group for item in worst}
    best = [item for item in spread_groups(ranked.items[::-1], count + len(shown)) if item.group not in shown][:count]
    return Examples(ranked.measure, worst, best)


def spread_groups(items: Sequence[ItemRecord], count: int) -> list[ItemRecord]:
    """The first items, one of each group."""
    seen: set[str] = set()
    chosen: list[ItemRecord] = []
    for item in items:
        if item.group not in seen and len(chosen) < count:
            seen.add(item.group)
            chosen.append(item)
    return chosen


def format_examples(items: Sequence[ItemRecord], key: str, root: Path, open_shown: OpenShown) -> str:
    """A figure for each item; a file that cannot be opened is replaced by the reason."""
    return f"<div class='examples'>{''.join(_format_example(item, key, root, open_shown) for item in items)}</div>"


def _format_example(item: ItemRecord, key: str, root: Path, open_shown: OpenShown) -> str:
    shown = _show(item.path, item, root, open_shown)
    if item.answer_path and item.answer_path != item.path:
        shown = f"<div class='pair'>{shown}{_show(item.answer_path, item, root, open_shown)}</div>"
    lines = [("query", item.question), ("expected", item.expected), ("answer", item.answer)]
    texts = "".join(f"<br><span class='soft'>{name}</span> {escape(text)}" for name, text in lines if text)
    caption = f"<b>{escape(item.id)}</b> {escape(key)} {item.values[key]:.4g}{texts}"
    return f"<figure>{shown}<figcaption>{caption}</figcaption></figure>"


def _draw_wave(peaks: Sequence[float]) -> str:
    """Loudness over time, inline SVG."""
    bars = "".join(f"M{4 * number + 2} {20 - 19 * peak:.1f}V{20 + 19 * peak + 0.5:.1f}" for number, peak in enumerate(peaks))
    size = f"0 0 {4 * len(peaks)} 40"
    return f'<svg class="wave" viewBox="{size}" preserveAspectRatio="none" aria-hidden="true"><path d="{bars}"/></svg>'


def _show(path: str, item: ItemRecord, root: Path, open_shown: OpenShown) -> str:
    if not path:
        return ""
    file = root / path
    try:
        shown = open_shown(file, item.start or 0.0, item.end)
    except MMError as error:
        return f"<p class='missing'>{escape(str(error))}</p>"
    alternative = escape(path, quote=True)
    if shown.sound:
        address = make_data_url(shown.sound, "audio/wav")
        content = f'{_draw_wave(shown.peaks)}<audio controls src="{address}" aria-label="{alternative}"></audio>'
    else:
        content = "".join(f'<img src="{make_data_url(image)}" alt="{alternative}">' for image in shown.images)
        content = f"<div class='frames'>{content}</div>" if len(shown.images) > 1 else content
    return f"<div>{content}<p class='soft'>{escape(shown.note)}</p></div>" if shown.note else content
