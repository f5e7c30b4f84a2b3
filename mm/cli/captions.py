"""Captions as text and as subtitles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mm.cli.format import format_clock
from mm.embedded.terminal import clean

if TYPE_CHECKING:
    from mm.schemas import Caption


def format_captions(captions: Sequence[Caption]) -> str:
    """One line for each caption, with its time range if it is of a scene."""
    if not captions:
        return "No captions."
    return "\n".join(
        clean(caption.text)
        if caption.end == caption.start
        else f"{format_clock(caption.start)} - {format_clock(caption.end)}  {clean(caption.text)}"
        for caption in captions
    )


def format_srt(captions: Sequence[Caption]) -> str:
    """Subtitles in the format SubRip (https://www.loc.gov/preservation/digital/formats/fdd/fdd000569.shtml)."""
    blocks = (
        f"{number}\n{_srt_time(caption.start)} --> {_srt_time(caption.end)}\n{clean(caption.text)}\n"
        for number, caption in enumerate(captions, start=1)
    )
    return "\n".join(blocks)


def _srt_time(seconds: float) -> str:
    milliseconds = round(seconds * 1000)
    hours, milliseconds = divmod(milliseconds, 3_600_000)
    minutes, milliseconds = divmod(milliseconds, 60_000)
    return f"{hours:02d}:{minutes:02d}:{milliseconds // 1000:02d},{milliseconds % 1000:03d}"
